"""The words that sentences for operators are made of."""

from collections.abc import Mapping
from datetime import UTC, datetime

from rtmanager.domain.nodes.move_origin import why_moved
from rtmanager.domain.operation import ActionName, Operation, OperationKind, OpSource, Step

MAX_TEXT = 300
"""Characters of an error or of an engine's output in a sentence."""

_SOURCES: Mapping[OpSource, str] = {
    OpSource.LOBBY_STREAM: "a job of the Lobby",
    OpSource.GM_REST: "the Game Master",
    OpSource.ADMIN_REST: "an operator",
    OpSource.AUTO_TTL: "the retention of containers",
    OpSource.AUTO_RECONCILE: "the reconciler",
}
_NOUNS: Mapping[OperationKind, str] = {
    OperationKind.START: "start",
    OperationKind.STOP: "stop",
    OperationKind.RESTART: "restart",
    OperationKind.PATCH: "patch",
    OperationKind.CLEANUP_CONTAINER: "removal of its container",
    OperationKind.RECONCILE_ADOPT: "takeover of its container",
    OperationKind.RECONCILE_DISPOSE: "reconciliation of its container",
    OperationKind.RECONCILE_OBSERVED_EXIT: "record of its exit",
}
_DOING: Mapping[ActionName, str] = {
    ActionName.OBTAIN_IMAGE: "obtaining the image",
    ActionName.PREPARE_STATE: "preparing the state directory",
    ActionName.PARK: "renaming the old container",
    ActionName.STOP: "stopping the engine",
    ActionName.CREATE: "creating the container",
    ActionName.START: "starting the engine",
    ActionName.WATCH_GATE: "waiting for /healthz",
    ActionName.REMOVE: "removing the container",
    ActionName.SET_ASIDE: "renaming the new container",
    ActionName.UNPARK: "giving the old container its name back",
}
_PREPOSITIONS = {OperationKind.START: "with", OperationKind.PATCH: "to"}


def moment(at: datetime | None) -> str:
    """Return a time that stays true wherever and whenever it is read."""
    if at is None:
        return "an unknown time"
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def who(operation: Operation) -> str:
    """Return who has asked for an operation, and of a move to another node why."""
    origin = operation.request.origin
    why = why_moved(origin)
    return f"{_SOURCES[origin.source]} ({why})" if why else _SOURCES[origin.source]


def noun(operation: Operation) -> str:
    """Return what an operation is, without its article."""
    return _NOUNS[operation.kind]


def named(operation: Operation) -> str:
    """Return an operation with its image and who has asked for it: `patch to x by y`."""
    image, preposition = operation.request.image_ref, _PREPOSITIONS.get(operation.kind)
    target = f" {preposition} {image}" if image and preposition else ""
    return f"{noun(operation)}{target} by {who(operation)}"


def shortened(text: str) -> str:
    """Return a text that fits in a sentence."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def doing(step: Step) -> str:
    """Return what is being done in a step; of a pull how far it is."""
    return shortened(step.note) if step.result is None and step.note else _DOING[step.action.name]
