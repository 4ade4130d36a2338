"""One test run: its mark, its directories, its environment, and how it reports."""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MARK = "GALAXY_TEST_RUN"
"""Environment: the directory of the run. Every process of the run inherits it."""
LEADER = "GALAXY_TEST_LEADER"
"""Environment: the pid of the process that leads the run."""
NAME_OF_A_RUN = re.compile("galaxy-test-[0-9a-f]{8}")
MEASURED = "measured"
"""The key under which a worker passes its reports to the leading process."""

Say = Callable[[str], None]


def begin_run() -> Path:
    """Choose the run's directory, which is its mark as well, and return it."""
    directory = Path(tempfile.gettempdir()) / f"galaxy-test-{secrets.token_hex(4)}"
    os.environ[MARK] = str(directory)
    os.environ[LEADER] = str(os.getpid())
    return directory


def run_directory() -> Path:
    """Return the directory that holds everything the run writes."""
    return Path(os.environ[MARK])


def run_name() -> str:
    """Return the name of the run, which is part of all its names in Docker."""
    return run_directory().name


@contextmanager
def unmarked() -> Iterator[None]:
    """Start processes in the block that may outlive the run: they do not inherit its mark."""
    mark = os.environ.pop(MARK)
    try:
        yield
    finally:
        os.environ[MARK] = mark


def compiled_once() -> dict[str, str]:
    """Return this process's environment, in which Python keeps compiled modules in the project."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {"PYTHONPYCACHEPREFIX": str(PROJECT / ".rtmanager" / "compiled")}


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """Return a directory of this process, one of several in a run, removed at its end."""
    directory = run_directory() / os.environ.get("PYTEST_XDIST_WORKER", "main")
    directory.mkdir()
    # Postgres runs as another user, who must be able to enter; pytest's own directories are closed.
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Say:
    """Return a function that reports a measurement on the terminal."""
    output = getattr(request.config, "workeroutput", None)
    if output is None:
        return reporter(request.config)
    measured: list[str] = output.setdefault(MEASURED, [])
    return measured.append


def reporter(config: pytest.Config) -> Say:
    """Return a function that writes a line to the terminal, even while output is captured."""
    capture = config.pluginmanager.getplugin("capturemanager")
    terminal = config.pluginmanager.getplugin("terminalreporter")

    def to_terminal(message: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.ensure_newline()
            terminal.write_line(message)

    return to_terminal
