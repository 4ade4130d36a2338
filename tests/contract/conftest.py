"""The application on the real use cases and in-memory adapters, with response validation on."""

from collections.abc import Iterator, Mapping

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from rtmanager.handlers.endpoint import Handler
from rtmanager.server.connexion_app import create_app
from rtmanager.server.endpoints import endpoints
from tests.contract.caller import Caller
from tests.unit.domain.world import World


@pytest.fixture
def world() -> World:
    """Return a Docker host, a store and a service on them, all in memory."""
    return World()


@pytest.fixture
def table(world: World) -> Mapping[str, Handler]:
    """Return the service's table of endpoints."""
    return endpoints(world.manager.cases)


@pytest.fixture
def caller(table: Mapping[str, Handler]) -> Caller:
    """Return a client of the service."""
    return Caller(create_app(table, validate_responses=True))


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[EventDict]]:
    """Capture the test's log; unconfigured logging renders tracebacks, which takes seconds."""
    with capture_logs() as lines:
        yield lines
