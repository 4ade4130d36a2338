"""The names of services in Swarm, which are unique and can never be changed.

The managers find services by the beginning of their names in an index. To find them by a label they
look at every service, which takes a fifth of a second with 20,000. So a name begins with its game.
"""

import re
from hashlib import sha256

from rtmanager.domain.container import GAME_ID_LABEL, OPERATION_LABEL, ContainerSpec

_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9-]+")
_GAME_PART = 20
"""Characters of the game id that fit: Swarm allows 63 in all."""
_DIGEST = 10
_SERVICE_ID = re.compile(r"[a-z0-9]+")
_OURS = re.compile(r"galaxy-(?:game|parked-[0-9]+|aside-[0-9]+)-(.+?)(\.parked-[0-9]+)?", re.ASCII)


def service_name(spec: ContainerSpec, attempt: int = 0) -> str:
    """Return the Swarm name for a container, the same for every attempt of this number.

    Whoever creates the same container at the same time asks for the same name, and Swarm gives it
    to one. It is never the DNS name of an engine.
    """
    game_id = spec.labels.get(GAME_ID_LABEL, "")
    fence = spec.labels.get(OPERATION_LABEL, "0")
    game = _NOT_ALLOWED.sub("-", game_id)[:_GAME_PART].strip("-")
    return f"{game_prefix(game_id)}{fence}-{attempt}-{game or 'x'}"


def game_prefix(game_id: str) -> str:
    """Return how the Swarm names of a game's containers begin; another game may share it."""
    return f"galaxy-{sha256(game_id.encode()).hexdigest()[:_DIGEST]}-"


def prefixes_for(name: str) -> list[str]:
    """Return how the Swarm names of containers with this name may begin.

    Empty when it is no name that a Runtime Manager gives: its game is not known then.
    """
    match = _OURS.fullmatch(name)
    if match is None:
        return []
    games = {match[1], match[1] + (match[2] or "")}
    return sorted(map(game_prefix, games))


def is_service_id(container: str) -> bool:
    """Return whether this is a service's id: names of containers have a hyphen."""
    return _SERVICE_ID.fullmatch(container) is not None
