"""Fixtures for tests that run only on a real service."""

from tests.contract.ports.docker_fixtures import docker_world, real_docker

__all__ = ["docker_world", "real_docker"]
