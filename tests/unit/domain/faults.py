"""Errors that a Docker double can raise."""

from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.ports.container_host import HostRefused


def unavailable() -> DockerUnavailable:
    """Return the error of a call that timed out."""
    return DockerUnavailable("no answer within 10 s")


def refusal() -> HostRefused:
    """Return Docker's own 500."""
    return HostRefused("500 Server Error")
