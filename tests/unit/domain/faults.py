"""What an engine double can be made to raise."""

from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.ports.container_host import HostRefused


def unavailable() -> DockerUnavailable:
    """Return a call that timed out."""
    return DockerUnavailable("no answer within 10 s")


def refusal() -> HostRefused:
    """Return an engine's own 500."""
    return HostRefused("500 Server Error")
