"""What an engine double can be made to raise."""

from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.ports.container_engine import EngineRefused


def unavailable() -> DockerUnavailable:
    """Return a call that timed out."""
    return DockerUnavailable("no answer within 10 s")


def refusal() -> EngineRefused:
    """Return an engine's own 500."""
    return EngineRefused("500 Server Error")
