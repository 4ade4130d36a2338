"""The names of services in Swarm, which are unique and can never be changed."""

import re
from hashlib import sha256

from rtmanager.domain.container import GAME_ID_LABEL, OPERATION_LABEL, ContainerSpec

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9-]+")
_GAME_PART = 26
"""Characters of the game id that fit: Swarm allows 63 in all."""
_DIGEST = 8
_SERVICE_ID = re.compile(r"[a-z0-9]+")


def service_name(spec: ContainerSpec, attempt: int = 0) -> str:
    """Return the Swarm name for a container, the same for every attempt of this number.

    Whoever creates the same container at the same time asks for the same name, and Swarm gives it
    to one. It has the operation's number in front, so it is never the DNS name of an engine.
    """
    fence = spec.labels.get(OPERATION_LABEL, "0")
    game = _NOT_ALLOWED.sub("-", spec.labels.get(GAME_ID_LABEL, ""))[:_GAME_PART].strip("-")
    digest = sha256(f"{spec.name} {attempt}".encode()).hexdigest()[:_DIGEST]
    return f"galaxy-{fence}-{game or 'x'}-{digest}"


def is_service_id(container: str) -> bool:
    """Return whether this is a service's id: names of containers have a hyphen."""
    return _SERVICE_ID.fullmatch(container) is not None
