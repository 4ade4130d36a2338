"""The fixtures of the recovery tests, on the run's Swarm of one node."""

from tests.support.swarm_environment import (
    docker_api,
    new_environment,
    overlay,
    service_network,
    service_settings,
)

__all__ = ["docker_api", "new_environment", "overlay", "service_network", "service_settings"]
