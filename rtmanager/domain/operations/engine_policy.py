"""What the operator decided about engine containers, as values the use cases need."""

from dataclasses import dataclass
from enum import StrEnum

from rtmanager.domain.container import ResourceLimits


class PullPolicy(StrEnum):
    """When an image is pulled before a start or patch."""

    IF_MISSING = "if_missing"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePolicy:
    """The settings that shape engine containers and operations on them; times in seconds.

    `state_owner` None means the image's own user.
    """

    docker_network: str
    mount_path: str
    state_env_name: str
    default_limits: ResourceLimits
    read_only_root: bool
    state_owner: tuple[int, int] | None
    pull_policy: PullPolicy
    stop_timeout: int
    start_gate_timeout: float
    patch_gate_timeout: float
    lease_wait: float
