"""Docker's JSON of containers and images as domain values."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from rtmanager.domain.container import (
    GAME_ID_LABEL,
    ContainerDetails,
    ContainerId,
    ContainerStatus,
    EngineContainer,
    EngineImage,
    ImageId,
)
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.ports.container_host import DockerUnavailable

STATE_VARIABLE = "STORAGE_PATH"
"""Tells an engine where its state is mounted, by the contract of every engine image."""
_NANO = 1_000_000_000


def listed(entry: Mapping[str, Any], network: str) -> EngineContainer:
    """Read an entry of the container list, with its address on the network."""
    return EngineContainer(
        id=ContainerId(entry["Id"]),
        name=_own_name(entry["Names"] or ()),
        status=ContainerStatus(entry["State"]),
        labels=entry["Labels"] or {},
        image_id=ImageId(entry["ImageID"]),
        created_at=datetime.fromtimestamp(entry["Created"], UTC),
        network=_network(entry),
        address=_address(entry, network),
    )


def inspected(answer: Mapping[str, Any], network: str) -> ContainerDetails:
    """Read the answer of a container inspection."""
    state = answer["State"]
    return ContainerDetails(
        id=ContainerId(answer["Id"]),
        name=answer["Name"].removeprefix("/"),
        status=ContainerStatus(state["Status"]),
        labels=answer["Config"]["Labels"] or {},
        image_id=ImageId(answer["Image"]),
        created_at=parse_time(answer["Created"]) or datetime.fromtimestamp(0, UTC),
        network=_network(answer),
        address=_address(answer, network),
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        error=state["Error"],
        started_at=parse_time(state["StartedAt"]),
        # Docker keeps the end of the life before while the container runs.
        finished_at=None if state["Running"] else parse_time(state["FinishedAt"]),
        restart_count=answer["RestartCount"],
        health=(state.get("Health") or {}).get("Status"),
        state_path=_state_path(answer),
    )


def image(answer: Mapping[str, Any]) -> EngineImage:
    """Read the answer of an image inspection."""
    config = answer.get("Config") or {}
    return EngineImage(
        id=ImageId(answer["Id"]), labels=config.get("Labels") or {}, user=config.get("User") or ""
    )


def event(line: bytes) -> ContainerEvent | None:
    """Read a line of the event stream; None when no game is named.

    Raises DockerUnavailable when the line makes no sense: the stream was torn.
    """
    try:
        entry = json.loads(line)
        game_id = entry["Actor"]["Attributes"].get(GAME_ID_LABEL)
        if game_id is None:
            return None
        # Some actions carry more behind a colon: the command of an exec, a health status.
        action = entry["Action"].partition(":")[0]
        container_id = ContainerId(entry["Actor"]["ID"])
        return ContainerEvent(game_id, container_id, action, entry["timeNano"] / _NANO)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DockerUnavailable("the Docker engine's stream of events is garbled") from error


def parse_time(text: str) -> datetime | None:
    """Read a time as Docker writes it, nanoseconds cut off; None for the year 1, Go's zero time."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def _own_name(names: tuple[str, ...]) -> str:
    """Return the container's name; legacy links add names with a second slash."""
    return next((name[1:] for name in names if "/" not in name[1:]), "")


def _address(answer: Mapping[str, Any], network: str) -> str | None:
    """Return the address by the network's name: its id changes when it is made anew."""
    networks = answer["NetworkSettings"]["Networks"] or {}
    return (networks.get(network) or {}).get("IPAddress") or None


def _network(answer: Mapping[str, Any]) -> str:
    """Return the network that the container was created for, whether it exists or not."""
    return str((answer.get("HostConfig") or {}).get("NetworkMode") or "")


def _state_path(answer: Mapping[str, Any]) -> str | None:
    """Return the host directory that is bound where the engine was told to keep its state.

    A container that was told nothing keeps it in the only directory that it has.
    """
    binds = {
        PurePosixPath(mount["Destination"]): str(mount["Source"])
        for mount in answer.get("Mounts") or ()
        if mount["Type"] == "bind"
    }
    variables = (text.partition("=") for text in answer["Config"].get("Env") or ())
    told = next((value for name, _, value in variables if name == STATE_VARIABLE), "")
    only = next(iter(binds.values())) if len(binds) == 1 else None
    return binds.get(PurePosixPath(told), only)
