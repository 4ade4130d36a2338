"""The stages of the acceptance tests, for histories of the running service."""

from tests.acceptance.conftest import docker_api, network, new_stage, settings

__all__ = ["docker_api", "network", "new_stage", "settings"]
