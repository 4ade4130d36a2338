"""The container that an operation creates, from the image and the operator's policy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.allowed_images import ALL_IMAGES, AllowedImages
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    IMAGE_REF_LABEL,
    INSTALLATION_LABEL,
    KIND,
    KIND_LABEL,
    OPERATION_LABEL,
    OWNER,
    OWNER_LABEL,
    STARTED_AT_LABEL,
    ContainerSpec,
    EngineImage,
    ResourceLimits,
    container_name,
    parse_memory,
)
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.messages import epoch_ms
from rtmanager.domain.operation import Operation


class PullPolicy(StrEnum):
    """When an image is pulled before a start or patch."""

    IF_MISSING = "if_missing"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePolicy:
    """The settings that shape engine containers and operations on them; times in seconds.

    `state_owner` None means the image's user.
    """

    docker_network: str
    mount_path: str
    state_env_name: str
    default_limits: ResourceLimits
    read_only_root: bool
    state_owner: tuple[int, int] | None
    pull_policy: PullPolicy
    allowed_images: AllowedImages = ALL_IMAGES
    stop_timeout: int
    start_gate_timeout: float
    patch_gate_timeout: float
    lease_wait: float


CPU_LABEL = "com.galaxy.cpu_quota"
MEMORY_LABEL = "com.galaxy.memory"
PIDS_LABEL = "com.galaxy.pids_limit"

# The platform's engines also read their state directory from this variable.
STORAGE_PATH = "STORAGE_PATH"

_CPU = re.compile(r"[0-9]{1,4}(\.[0-9]{1,9})?", re.ASCII)
_PIDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def container_spec(  # noqa: PLR0913 - one argument per source of the specification
    operation: Operation,
    image_ref: str | None,
    image: EngineImage,
    *,
    policy: EnginePolicy,
    installation: str,
    state_path: str,
    at: datetime,
) -> ContainerSpec:
    """Return the specification of the container that `operation` creates from `image`.

    Raises StartConfigInvalid when a limit in the image's labels cannot be read.
    """
    name = container_name(operation.game_id)
    return ContainerSpec(
        name=name,
        hostname=name,
        image=image.id,
        labels=_labels(operation, image_ref, installation, at),
        environment={policy.state_env_name: policy.mount_path, STORAGE_PATH: policy.mount_path},
        network=policy.docker_network,
        state_path=state_path,
        mount_path=policy.mount_path,
        limits=limits_of(image.labels, policy.default_limits),
        read_only_root=policy.read_only_root,
    )


def limits_of(labels: Mapping[str, str], default: ResourceLimits) -> ResourceLimits:
    """Return the limits from the image's labels, the defaults for labels it does not set."""
    cpu, memory, pids = (labels.get(name) for name in (CPU_LABEL, MEMORY_LABEL, PIDS_LABEL))
    return ResourceLimits(
        cpu_quota=default.cpu_quota if cpu is None else _cpu(cpu),
        memory_bytes=default.memory_bytes if memory is None else _memory(memory),
        pids_limit=default.pids_limit if pids is None else _pids(pids),
    )


def _labels(
    operation: Operation, image_ref: str | None, installation: str, at: datetime
) -> Mapping[str, str]:
    return {
        OWNER_LABEL: OWNER,
        KIND_LABEL: KIND,
        INSTALLATION_LABEL: installation,
        GAME_ID_LABEL: operation.game_id,
        IMAGE_REF_LABEL: image_ref or "",
        STARTED_AT_LABEL: str(epoch_ms(at)),
        OPERATION_LABEL: str(operation.id),
    }


def _cpu(text: str) -> float:
    if not _CPU.fullmatch(text) or float(text) <= 0:
        raise _bad_label(CPU_LABEL, text, "a number of cores such as 1.5")
    return float(text)


def _memory(text: str) -> int:
    try:
        return parse_memory(text)
    except ValueError:
        raise _bad_label(MEMORY_LABEL, text, "a size such as 512m or 2g") from None


def _pids(text: str) -> int:
    if not _PIDS.fullmatch(text) or int(text) == 0:
        raise _bad_label(PIDS_LABEL, text, "a number of processes such as 512")
    return int(text)


def _bad_label(label: str, text: str, expected: str) -> StartConfigInvalid:
    return StartConfigInvalid(f"image label {label} is {text[:80]!a}; expected {expected}")
