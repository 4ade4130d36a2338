"""The container that an operation creates, from the image and the operator's policy."""

import re
from collections.abc import Mapping
from contextlib import suppress
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
    LEAST_CPU_QUOTA,
    LEAST_MEMORY,
    OPERATION_LABEL,
    OWNER,
    OWNER_LABEL,
    STARTED_AT_LABEL,
    ContainerSpec,
    EngineImage,
    ResourceLimits,
    container_name,
    parse_memory,
    render_memory,
)
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.messages import epoch_ms
from rtmanager.domain.operation import Operation
from rtmanager.domain.operations.health_intervals import bounded_intervals, check_test_length
from rtmanager.domain.operations.scratch_directories import scratch_directories
from rtmanager.domain.texts import quoted


class PullPolicy(StrEnum):
    """When an image is pulled before a start or patch."""

    IF_MISSING = "if_missing"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePolicy:
    """The settings that shape engine containers and operations on them; times in seconds.

    `state_owner` None means the image's user, `runtime` None the daemon's default.
    """

    docker_network: str
    mount_path: str
    state_env_name: str
    default_limits: ResourceLimits
    max_limits: ResourceLimits
    read_only_root: bool
    scratch_bytes: int
    disk_limit: int
    runtime: str | None
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

MOST_LABELS = 500
MOST_LABEL_CHARACTERS = 64 * 1024
"""Docker repeats an image's labels for each container, in every list and in every event."""

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

    Raises StartConfigInvalid when the image's labels, volumes or health check cannot be accepted.
    """
    _check_size(image.labels)
    check_test_length(image.health_test_length)
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
        limits=limits_of(image.labels, policy.default_limits, policy.max_limits),
        read_only_root=policy.read_only_root,
        scratch=scratch_directories(
            image.volumes, mount_path=policy.mount_path, read_only_root=policy.read_only_root
        ),
        scratch_bytes=policy.scratch_bytes,
        disk_limit=policy.disk_limit,
        runtime=policy.runtime,
        health_intervals=bounded_intervals(image.health_intervals),
    )


def limits_of(
    labels: Mapping[str, str], default: ResourceLimits, maximum: ResourceLimits
) -> ResourceLimits:
    """Return the limits from the image's labels, the defaults for labels it does not set.

    Raises StartConfigInvalid for a label that cannot be read or is outside the allowed range.
    """
    cpu, memory, pids = (labels.get(name) for name in (CPU_LABEL, MEMORY_LABEL, PIDS_LABEL))
    return ResourceLimits(
        cpu_quota=default.cpu_quota if cpu is None else _cpu(cpu, maximum.cpu_quota),
        memory_bytes=default.memory_bytes if memory is None else _memory(memory, maximum),
        pids_limit=default.pids_limit if pids is None else _pids(pids, maximum.pids_limit),
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


def _cpu(text: str, maximum: float) -> float:
    if _CPU.fullmatch(text) and LEAST_CPU_QUOTA <= float(text) <= maximum:
        return float(text)
    expected = f"a number of CPUs from {LEAST_CPU_QUOTA} to {maximum:g}"
    raise _bad_label(CPU_LABEL, text, expected, "RTMANAGER_MAX_CPU_QUOTA")


def _memory(text: str, maximum: ResourceLimits) -> int:
    with suppress(ValueError):
        if LEAST_MEMORY <= (size := parse_memory(text)) <= maximum.memory_bytes:
            return size
    least, most = render_memory(LEAST_MEMORY), render_memory(maximum.memory_bytes)
    expected = f"a size from {least} to {most}: a number and b, k, m or g"
    raise _bad_label(MEMORY_LABEL, text, expected, "RTMANAGER_MAX_MEMORY")


def _pids(text: str, maximum: int) -> int:
    if _PIDS.fullmatch(text) and 1 <= int(text) <= maximum:
        return int(text)
    expected = f"a number of processes from 1 to {maximum}"
    raise _bad_label(PIDS_LABEL, text, expected, "RTMANAGER_MAX_PIDS_LIMIT")


def _bad_label(label: str, text: str, expected: str, setting: str) -> StartConfigInvalid:
    return StartConfigInvalid(
        f"image label {label} is {quoted(text)}; expected {expected} (the maximum is {setting})"
    )


def _check_size(labels: Mapping[str, str]) -> None:
    """Raise when the labels are so large that every list of containers would suffer from them."""
    size = sum(len(name) + len(value) for name, value in labels.items())
    if len(labels) > MOST_LABELS or size > MOST_LABEL_CHARACTERS:
        raise StartConfigInvalid(
            f"the image has {len(labels)} labels of {size} characters in total; at most "
            f"{MOST_LABELS} labels and {MOST_LABEL_CHARACTERS} characters are accepted"
        )
