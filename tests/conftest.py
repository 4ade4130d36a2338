"""Fixtures for every test: the real services, started when the first test asks for them."""

import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support import event_loops
from tests.support.databases import (
    _shared_redis_addr,
    database_dsn,
    empty_dsn,
    new_database,
    new_redis,
    postgres,
    postgres_dsn,
    redis_addr,
)
from tests.support.docker import (
    build,
    demo_images,
    docker_api,
    docker_host,
    docker_network,
    registry,
    secured_registry,
)
from tests.support.environment import new_environment, service_network, service_settings
from tests.support.leftovers import WholeRun
from tests.support.run import MEASURED, begin_run, reporter, run_directory, say, session_dir
from tests.support.running_service import latest_logs
from tests.support.swarm import (
    new_swarm_network,
    relays,
    swarm,
    swarm_api,
    swarm_network,
    swarm_registry,
)
from tests.support.warm_start import end_warm_python
from tests.support.workers import longest_first, make_scheduler

__all__ = [
    "_shared_redis_addr",
    "build",
    "database_dsn",
    "demo_images",
    "docker_api",
    "docker_host",
    "docker_network",
    "empty_dsn",
    "new_database",
    "new_environment",
    "new_redis",
    "new_swarm_network",
    "postgres",
    "postgres_dsn",
    "redis_addr",
    "registry",
    "relays",
    "say",
    "secured_registry",
    "service_network",
    "service_settings",
    "session_dir",
    "state_root",
    "swarm",
    "swarm_api",
    "swarm_network",
    "swarm_registry",
]

_RUN = pytest.StashKey[WholeRun]()
_MEASURED = pytest.StashKey[list[str]]()
_LEFT = pytest.StashKey[list[str]]()

# A property fails only by its result: not by the clock of a busy machine, not by chance.
settings.register_profile("certain", deadline=None, derandomize=True)
settings.load_profile("certain")

event_loops.end_surely()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the directory of the run, and let SIGTERM end it as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if _leads(config):
        config.stash[_MEASURED] = []
        config.option.basetemp = begin_run() / "pytest"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Begin the run, and prepare what its workers use together."""
    if _leads(session.config):
        run = session.config.stash[_RUN] = WholeRun(run_directory())
        if session.config.getoption("numprocesses", None):
            run.prepare(reporter(session.config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the tests that take longest."""
    if not _leads(config):
        longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute the tests by the services that they need for themselves."""
    return make_scheduler(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keep the measurements that the tests of a worker have reported."""
    node.config.stash[_MEASURED] += getattr(node, "workeroutput", {}).get(MEASURED, [])


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the run; it has failed if it left something behind."""
    end_warm_python()
    run = session.config.stash.get(_RUN, None)
    if run is not None:
        left = session.config.stash[_LEFT] = run.end(reporter(session.config))
        if left and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show the measurements of the workers' tests, and name what the run left behind."""
    if measured := config.stash[_MEASURED]:
        terminalreporter.section(MEASURED)
        terminalreporter.write("".join(f"{each}\n" for each in measured))
    if left := config.stash.get(_LEFT, []):
        terminalreporter.section("left behind", red=True)
        terminalreporter.write("".join(f"{each}\n" for each in left))


def _leads(config: pytest.Config) -> bool:
    """Return whether this process leads the run, and is not one of its workers."""
    return not hasattr(config, "workerinput")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failed test, show the log of the services in use."""
    report = yield
    if report.failed:
        report.sections += latest_logs()
    return report


@pytest.fixture
def state_root(tmp_path: Path) -> Path:
    """Return an empty directory for the games' state."""
    root = tmp_path / "games"
    root.mkdir()
    return root
