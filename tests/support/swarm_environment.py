"""The environment of a test on a service that has its engines on a Swarm.

A folder's conftest that imports these fixtures runs its tests on the Swarm: they have the names of
those for Docker.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.swarm.private_swarm import PrivateSwarm
from tests.support.environment import Environment, NewEnvironment
from tests.support.running_service import RunningService
from tests.support.swarm import NewSwarmNetwork, SwarmNetwork
from tests.support.swarm_containers import SwarmContainers


@dataclass(frozen=True)
class SwarmEnvironment(Environment):
    """A service on a seat; services of the Swarm are its containers."""

    overlay: SwarmNetwork | None = None

    def health(self, game: str) -> httpx.Response:
        """Ask the game's engine for its health, from the seat."""
        assert self.overlay is not None
        networks = self.inspect(f"galaxy-game-{game}")["NetworkSettings"]["Networks"]
        return self.overlay.get(f"http://{networks[self.network]['IPAddress']}:8080/healthz")


@pytest.fixture(scope="module")
def overlay(new_swarm_network: NewSwarmNetwork) -> SwarmNetwork:
    """Return a network of the module's own: a service reconciles everything on its network."""
    return new_swarm_network()


@pytest.fixture(scope="module")
def service_network(overlay: SwarmNetwork) -> str:
    """Return the name of that network."""
    return overlay.name


@pytest.fixture(scope="module")
def docker_api(swarm_api: Any) -> SwarmContainers:
    """Return what shows the engines as containers, to observe and to remove them."""
    return SwarmContainers(swarm_api, [swarm_api])


@pytest.fixture(scope="module")
def service_settings(service_settings: dict[str, str], swarm: PrivateSwarm) -> dict[str, str]:
    """Return the settings of a service on a seat; the servers are those of any other.

    The node has room for as many engines as tests like to start.
    """
    return service_settings | {
        "platform": "swarm",
        "docker_host": swarm.docker_host,
        "swarm_reserved_cpu": "0.01",
        "swarm_reserved_memory": "0.1",
    }


@pytest.fixture(scope="module")
def new_environment(
    service_settings: dict[str, str],
    overlay: SwarmNetwork,
    docker_api: SwarmContainers,
    postgres: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[NewEnvironment]:
    """Return a function that starts a service on the seat; its keywords override settings."""
    overlay.reach(f"127.0.0.1:{postgres.port}", service_settings["redis_master_addr"])
    with ExitStack() as running:

        def start(**overrides: str) -> Environment:
            chosen = {**service_settings, **overrides}
            log_file = tmp_path_factory.mktemp("service") / "log"
            service = RunningService.of(chosen, log_file)
            service.enter = overlay.enter
            overlay.publish(service.port)
            running.callback(service.stop)
            service.start()
            return SwarmEnvironment(
                service,
                docker_api,
                chosen["postgres_primary_dsn"],
                overlay.name,
                Path(chosen["game_state_root"]),
                overlay=overlay,
            )

        yield start
