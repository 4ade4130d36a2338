"""Fixtures of the tests that run on one real service alone."""

from tests.contract.ports.docker_fixtures import docker_world, real_docker

__all__ = ["docker_world", "real_docker"]
