"""Agreeing with Docker on the API version that both speak."""

from typing import Any

from docker.constants import DEFAULT_DOCKER_API_VERSION

from rtmanager.adapters.docker.errors import no_docker
from rtmanager.domain.ports.container_host import DockerUnavailable

LOWEST = "1.41"
HIGHEST = str(DEFAULT_DOCKER_API_VERSION)


def agree(answer: Any, host: str) -> str:
    """Return the highest version that the Docker behind this `/version` answer and we speak.

    Raises DockerUnavailable, saying who has to be upgraded, when there is none.
    """
    theirs, their_lowest = _offer(answer, host)
    if _key(theirs) < _key(LOWEST):
        raise DockerUnavailable(
            f"the Docker engine at {host} speaks API {theirs} at most, but {LOWEST} is needed; "
            "upgrade Docker to 20.10 or later"
        )
    if _key(their_lowest) > _key(HIGHEST):
        raise DockerUnavailable(
            f"the Docker engine at {host} speaks API {their_lowest} at least, but this Runtime "
            f"Manager speaks {HIGHEST} at most; upgrade its docker package"
        )
    return min(theirs, HIGHEST, key=_key)


def _offer(answer: Any, host: str) -> tuple[str, str]:
    try:
        theirs = str(answer["ApiVersion"])
        lowest = str(answer.get("MinAPIVersion") or LOWEST)
        _key(theirs), _key(lowest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise no_docker(host) from error
    return theirs, lowest


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
