"""Converting between domain values and Docker's JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from docker.types import LogConfig, Mount, Ulimit

from rtmanager.adapters.docker.status_words import up_and_health
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    ContainerStatus,
    EngineContainer,
    EngineImage,
    HealthIntervals,
    ImageId,
)
from rtmanager.domain.insight.exit_words import signal_name
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.ports.container_host import DockerUnavailable

STATE_VARIABLE = "STORAGE_PATH"
"""The variable with the mount path of an engine's state, by the contract of engine images."""
_NANO = 1_000_000_000
_SCRATCH = "rw,nosuid,nodev,noexec,mode=1777"
_LONGEST = (1 << 63) - 1
"""Docker counts nanoseconds in 64 bits."""


def container_config(api: Any, spec: ContainerSpec) -> dict[str, Any]:
    """Return what the SDK's `create_container_from_config` sends to Docker for this container.

    The SDK's `create_container` would add the proxies of our Docker config file to the environment,
    and does not know the interval of health checks in the start period.
    """
    config: dict[str, Any] = api.create_container_config(
        spec.image,
        None,  # the image's command
        hostname=spec.hostname,
        labels=dict(spec.labels),
        environment=dict(spec.environment),
        host_config=api.create_host_config(**_host_arguments(spec)),
    )
    if (intervals := spec.health_intervals) is not None:
        # Docker takes what is missing here from the image, above all the test.
        check = {"Interval": intervals.running, "StartInterval": intervals.starting}
        config["Healthcheck"] = check
    return config


def _host_arguments(spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments of the SDK's `create_host_config`: limits and hardening."""
    memory = spec.limits.memory_bytes
    more: dict[str, Any] = {"runtime": spec.runtime} if spec.runtime else {}
    if spec.disk_limit is not None:
        more["storage_opt"] = {"size": str(spec.disk_limit)}
    return more | {
        "network_mode": spec.network,
        # A Mount, unlike a volume string, fails when the directory is missing.
        "mounts": [Mount(target=spec.mount_path, source=spec.state_path, type="bind")],
        # An entry at the path of a volume of the image keeps Docker from making that volume.
        "tmpfs": dict.fromkeys(spec.scratch, f"{_SCRATCH},size={spec.scratch_bytes}"),
        "init": True,
        "restart_policy": {"Name": "no"},
        "security_opt": ["no-new-privileges:true"],
        "cap_drop": ["ALL"],
        "read_only": spec.read_only_root,
        "nano_cpus": round(spec.limits.cpu_quota * _NANO),
        "mem_limit": memory,
        "memswap_limit": memory,  # memory plus swap, so there is no swap
        "pids_limit": spec.limits.pids_limit,
        "ulimits": [Ulimit(name="core", soft=0, hard=0)],
        "log_config": LogConfig(
            type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "3"}
        ),
    }


def listed(entry: Mapping[str, Any], network: str) -> EngineContainer:
    """Read an entry of the container list, with its address on the network."""
    up_for, health = up_and_health(entry.get("Status") or "")
    return EngineContainer(
        id=ContainerId(entry["Id"]),
        name=_own_name(entry["Names"] or ()),
        status=ContainerStatus(entry["State"]),
        labels={name: _kept_once(text) for name, text in (entry["Labels"] or {}).items()},
        image_id=ImageId(_kept_once(entry["ImageID"])),
        created_at=datetime.fromtimestamp(entry["Created"], UTC),
        network=_network(entry),
        address=_address(entry, network),
        attached_to=_attached_to(entry),
        health=health,
        up_for=up_for,
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
        attached_to=_attached_to(answer),
        exit_code=state["ExitCode"],
        oom_killed=state["OOMKilled"],
        error=state["Error"],
        started_at=parse_time(state["StartedAt"]),
        # While the container runs, Docker still shows when it last ended.
        finished_at=None if state["Running"] else parse_time(state["FinishedAt"]),
        restart_count=answer["RestartCount"],
        health=(state.get("Health") or {}).get("Status"),
        state_path=_state_path(answer),
    )


def image(answer: Mapping[str, Any]) -> EngineImage:
    """Read the answer of an image inspection."""
    config = answer.get("Config") or {}
    intervals = _health_intervals(config.get("Healthcheck"))
    return EngineImage(
        id=ImageId(answer["Id"]),
        labels=config.get("Labels") or {},
        user=config.get("User") or "",
        volumes=tuple(config.get("Volumes") or ()),
        health_intervals=intervals,
        health_test_length=0 if intervals is None else _length(config["Healthcheck"]["Test"]),
    )


def event(line: bytes) -> ContainerEvent | None:
    """Read a line of the event stream; None when it has no game id.

    Raises DockerUnavailable when the line is malformed: the stream was cut off.
    """
    try:
        entry = json.loads(line)
        attributes = entry["Actor"]["Attributes"]
        game_id = attributes.get(GAME_ID_LABEL)
        if game_id is None:
            return None
        # Some actions have more after a colon: the command of an exec, a health status.
        action = entry["Action"].partition(":")[0]
        container_id = ContainerId(entry["Actor"]["ID"])
        return ContainerEvent(
            game_id,
            container_id,
            action,
            entry["timeNano"] / _NANO,
            signal=_signal(attributes.get("signal")) if action == "kill" else None,
            exit_code=int(attributes["exitCode"]) if action == "die" else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DockerUnavailable("Docker's event stream is malformed") from error


def _signal(number: Any) -> str | None:
    """Return a signal's name; Docker shows its number."""
    if not isinstance(number, str) or not number.isdecimal():
        return None
    return signal_name(int(number)) or f"signal {int(number)}"


def parse_time(text: str) -> datetime | None:
    """Read a time in Docker's format, dropping nanoseconds; None for Go's zero time, the year 1."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def _health_intervals(declared: Any) -> HealthIntervals | None:
    """Read the intervals of an image's health check; None when the image has none or disables it.

    Whoever made the image wrote them, and Docker checks neither sign nor size.
    """
    if not isinstance(declared, Mapping) or declared.get("Test") in (None, [], ["NONE"]):
        return None
    return HealthIntervals(
        _nanoseconds(declared.get("Interval")), _nanoseconds(declared.get("StartInterval"))
    )


def _nanoseconds(value: Any) -> int:
    """Return the duration; 0, Docker's default, for what is none."""
    return value if isinstance(value, int) and 0 <= value <= _LONGEST else 0


def _length(test: Any) -> int:
    """Return the characters of a health check's command, whatever it is, as Docker's JSON."""
    return len(json.dumps(test, ensure_ascii=False))


def _own_name(names: tuple[str, ...]) -> str:
    """Return the container's own name; legacy links add names with a second slash."""
    return next((name[1:] for name in names if "/" not in name[1:]), "")


def _address(answer: Mapping[str, Any], network: str) -> str | None:
    """Return the address on the named network; the network's id changes when it is recreated."""
    networks = answer["NetworkSettings"]["Networks"] or {}
    return (networks.get(network) or {}).get("IPAddress") or None


def _attached_to(answer: Mapping[str, Any]) -> frozenset[str]:
    return _set_of(tuple(answer["NetworkSettings"]["Networks"] or ()))


@lru_cache(maxsize=256)
def _kept_once(text: str) -> str:
    """Return the text, as the same object if it was asked for lately: most labels are alike."""
    return text


@lru_cache(maxsize=256)
def _set_of(names: tuple[str, ...]) -> frozenset[str]:
    """Return the names as a set, which a thousand containers of one network share."""
    return frozenset(names)


def _network(answer: Mapping[str, Any]) -> str:
    """Return the network that the container was created on, whether it exists or not."""
    return str((answer.get("HostConfig") or {}).get("NetworkMode") or "")


def _state_path(answer: Mapping[str, Any]) -> str | None:
    """Return the host directory that is mounted at the engine's `STORAGE_PATH`.

    Without that variable, it is the container's only host directory.
    """
    binds = {
        PurePosixPath(mount["Destination"]): str(mount["Source"])
        for mount in answer.get("Mounts") or ()
        if mount["Type"] == "bind"
    }
    variables = (text.partition("=") for text in answer["Config"].get("Env") or ())
    target = next((value for name, _, value in variables if name == STATE_VARIABLE), "")
    only = next(iter(binds.values())) if len(binds) == 1 else None
    return binds.get(PurePosixPath(target), only)
