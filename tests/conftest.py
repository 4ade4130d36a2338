"""Fixtures for every test: the real services, started when the first test asks for them."""

import signal
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.services.docker import demo_images, docker_host, docker_network
from tests.services.postgres import database_dsn, new_database, postgres, postgres_dsn
from tests.services.redis import _shared_redis_addr, new_redis, redis_addr
from tests.services.registry import registry, secured_registry
from tests.services.running_service import last_words
from tests.services.session import say, session_dir

__all__ = [
    "_shared_redis_addr",
    "database_dsn",
    "demo_images",
    "docker_host",
    "docker_network",
    "new_database",
    "new_redis",
    "postgres",
    "postgres_dsn",
    "redis_addr",
    "registry",
    "say",
    "secured_registry",
    "session_dir",
    "state_root",
]


# Properties are judged by their result alone: never by a busy machine's clock, never by chance.
settings.register_profile("certain", deadline=None, derandomize=True)
settings.load_profile("certain")


def pytest_configure() -> None:
    """Let SIGTERM end the run as Ctrl-C does, so that no service is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a test that failed what the services in use have logged."""
    report = yield
    if report.failed:
        report.sections += last_words()
    return report


@pytest.fixture
def state_root(tmp_path: Path) -> Path:
    """Return an empty directory for the games' state."""
    root = tmp_path / "games"
    root.mkdir()
    return root
