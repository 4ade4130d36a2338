"""The closed sets of both contracts, as enums that let new values pass."""

from enum import StrEnum
from typing import Self


class OpenEnum(StrEnum):
    """An enum to which a newer service may have added values.

    A value that is not known here becomes a member of its own, equal to its text: an answer stays
    readable, and a comparison with the known members is false.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = value
        return member


class Caller(StrEnum):
    """Who calls: recorded as source `gm_rest` or `admin_rest`."""

    ADMIN = "admin"
    GM = "gm"


class RuntimeStatus(OpenEnum):
    """The status of a game's record."""

    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


class StopReason(OpenEnum):
    """Why a game is stopped."""

    ORPHAN_CLEANUP = "orphan_cleanup"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    ADMIN_REQUEST = "admin_request"
    TIMEOUT = "timeout"


class HealthState(OpenEnum):
    """The health of an engine, as it was observed last."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"
    NOT_RUNNING = "not_running"


class HealthEventType(OpenEnum):
    """What a health event reports."""

    CONTAINER_STARTED = "container_started"
    CONTAINER_EXITED = "container_exited"
    CONTAINER_OOM = "container_oom"
    CONTAINER_DISAPPEARED = "container_disappeared"
    INSPECT_UNHEALTHY = "inspect_unhealthy"
    PROBE_FAILED = "probe_failed"
    PROBE_RECOVERED = "probe_recovered"


class OperationKind(OpenEnum):
    """What an operation does."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    PATCH = "patch"
    CLEANUP_CONTAINER = "cleanup_container"
    RECONCILE_ADOPT = "reconcile_adopt"
    RECONCILE_DISPOSE = "reconcile_dispose"
    RECONCILE_OBSERVED_EXIT = "reconcile_observed_exit"


class OperationSource(OpenEnum):
    """Who has asked for an operation."""

    LOBBY_STREAM = "lobby_stream"
    GM_REST = "gm_rest"
    ADMIN_REST = "admin_rest"
    AUTO_TTL = "auto_ttl"
    AUTO_RECONCILE = "auto_reconcile"


class Outcome(OpenEnum):
    """How an operation ended; `open` if it has not."""

    OPEN = "open"
    SUCCESS = "success"
    FAILURE = "failure"


class Phase(OpenEnum):
    """Whether an operation moves towards its goal, or is rolled back."""

    FORWARD = "forward"
    BACK = "back"


class Action(OpenEnum):
    """What a step does."""

    OBTAIN_IMAGE = "obtain_image"
    PREPARE_STATE = "prepare_state"
    PARK = "park"
    STOP = "stop"
    CREATE = "create"
    START = "start"
    WATCH_GATE = "watch_gate"
    REMOVE = "remove"
    SET_ASIDE = "set_aside"
    UNPARK = "unpark"


class StepResult(OpenEnum):
    """How a step ended; `unknown` if it may have happened, may yet happen, or never will."""

    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class DriftKind(OpenEnum):
    """How a record and Docker disagree."""

    OPEN_OPERATION = "open_operation"
    ADOPT = "adopt"
    DISPOSE = "dispose"
    OBSERVED_EXIT = "observed_exit"
    MISNAMED = "misnamed"
    STALE_CONTAINER = "stale_container"
    NODE_LOST = "node_lost"


class NodeState(OpenEnum):
    """Whether a Swarm's managers hear of a node; `down` says nothing about its engines."""

    READY = "ready"
    DOWN = "down"
    UNKNOWN = "unknown"


class NodeRole(OpenEnum):
    """Whether a node is one of the Swarm's managers."""

    MANAGER = "manager"
    WORKER = "worker"


class LogStream(OpenEnum):
    """Where an engine wrote a line; `service` for a remark of the Runtime Manager."""

    STDOUT = "stdout"
    STDERR = "stderr"
    SERVICE = "service"


class EventType(OpenEnum):
    """What an event is about.

    `ready` is the first one of a stream that begins now; after `reset` everything must be read
    again, because events that followed the last one are gone.
    """

    OPERATION = "operation"
    HEALTH = "health"
    DRIFT = "drift"
    READY = "ready"
    RESET = "reset"


class ErrorCode(OpenEnum):
    """What went wrong; `replay_no_op` is no error: there was nothing to do."""

    INVALID_REQUEST = "invalid_request"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    SERVICE_UNAVAILABLE = "service_unavailable"
    INTERNAL_ERROR = "internal_error"
    IMAGE_PULL_FAILED = "image_pull_failed"
    IMAGE_REF_NOT_SEMVER = "image_ref_not_semver"
    SEMVER_PATCH_ONLY = "semver_patch_only"
    CONTAINER_START_FAILED = "container_start_failed"
    START_CONFIG_INVALID = "start_config_invalid"
    DOCKER_UNAVAILABLE = "docker_unavailable"
    REPLAY_NO_OP = "replay_no_op"
