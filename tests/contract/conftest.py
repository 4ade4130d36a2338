"""The application over the real use cases on a world in memory, its answers validated."""

from collections.abc import Iterator, Mapping

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from rtmanager.handlers import endpoints
from rtmanager.handlers.endpoint import Handler
from rtmanager.server.connexion_app import create_app
from tests.contract.caller import Caller
from tests.unit.domain.world import World


@pytest.fixture
def world() -> World:
    """Return a Docker host, a store and a service on them, all in memory."""
    return World()


@pytest.fixture
def table(world: World) -> Mapping[str, Handler]:
    """Return the endpoints table of the service in the world."""
    cases = world.manager.cases
    return endpoints(operations=cases.operations, read=cases.read, readiness=cases.readiness)


@pytest.fixture
def caller(table: Mapping[str, Handler]) -> Caller:
    """Return a caller of the service in the world."""
    return Caller(create_app(table, validate_responses=True))


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[EventDict]]:
    """Return what the test logs; unconfigured logs would draw tracebacks for seconds."""
    with capture_logs() as lines:
        yield lines
