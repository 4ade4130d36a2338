"""Fixtures of the port tests."""

from tests.contract.ports.docker_fixtures import (
    docker_world,
    image_world,
    real_docker,
    real_swarm,
)

__all__ = ["docker_world", "image_world", "real_docker", "real_swarm"]
