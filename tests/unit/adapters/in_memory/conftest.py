"""An in-memory Docker, a manager's connection to it, and their clock."""

import pytest

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from tests.unit.adapters.in_memory.slow_docker import SteppingClock


@pytest.fixture
def clock() -> SteppingClock:
    """Return a clock that moves only when the test moves it."""
    return SteppingClock()


@pytest.fixture
def docker(clock: SteppingClock) -> InMemoryDocker:
    """Return a Docker."""
    return InMemoryDocker(clock=clock)


@pytest.fixture
def host(docker: InMemoryDocker) -> InMemoryContainerHost:
    """Return a manager's connection to Docker."""
    return InMemoryContainerHost(docker=docker)
