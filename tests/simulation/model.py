"""The model of one game: how an outcome may change it, depending on the request. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rtmanager.domain.container import ContainerId, ImageId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operation import Fence, Operation, OperationKind, Outcome
from rtmanager.domain.runtime import RuntimeStatus

_DOWN = {RuntimeStatus.STOPPED, RuntimeStatus.REMOVED}


@dataclass(frozen=True, slots=True)
class GameState:
    """The state of a game; a status of None is a game that was never started.

    `image_ref` is taken from the record. `image` and `maker` belong to the container: the image it
    was made from, and the operation that made it.
    """

    status: RuntimeStatus | None = None
    container: ContainerId | None = None
    image_ref: str | None = None
    image: ImageId | None = None
    maker: Fence | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A finished operation, the game before and after it, and the image that was asked for.

    A container that others have `touched` may have lost the label that names its image.
    """

    operation: Operation
    before: GameState
    after: GameState
    wanted: ImageId | None
    touched: bool = False


Complaints = Iterator[str]


def complaints(change: Change) -> Complaints:
    """Return what the outcome changed although nobody had asked for it."""
    operation = change.operation
    if operation.outcome is Outcome.FAILURE:
        return _failed(change)
    if operation.error_code is ErrorCode.REPLAY_NO_OP:
        return _replayed(change)
    return AFTER[operation.kind](change)


def _failed(change: Change) -> Complaints:
    """Check that a failure restores the previous state, and that the record shows what is lost."""
    yield from _same_container(change)
    if change.after.status is RuntimeStatus.RUNNING is not change.before.status:
        yield "failed, and the game runs now"


def _replayed(change: Change) -> Complaints:
    """Check that a replay changes nothing, since everything is already as requested."""
    before, after = change.before, change.after
    if after != before:
        yield f"was a replay, and made {after} of {before}"
    kind = change.operation.kind
    if kind in {OperationKind.START, OperationKind.PATCH}:
        if before.status is not RuntimeStatus.RUNNING:
            yield f"was a replay on a game that is {before.status}"
        yield from _asked_image(change)
    if kind is OperationKind.STOP and before.status not in _DOWN:
        yield f"was a replay on a game that is {before.status}"
    if kind is OperationKind.CLEANUP_CONTAINER and before.status is not RuntimeStatus.REMOVED:
        yield f"was a replay on a game that is {before.status}"


def _replaced(change: Change) -> Complaints:
    """Check that a container of the requested image runs."""
    yield from _new_engine(change)
    yield from _asked_image(change)


def _restarted(change: Change) -> Complaints:
    """Check that the new container has the very image of the previous one."""
    yield from _new_engine(change)
    before, after = change.before, change.after
    is_renamed = before.image_ref != after.image_ref and not change.touched
    if is_renamed or before.image not in {None, after.image}:
        yield f"restarted {before.image_ref} as {after.image_ref}"


def _stopped(change: Change) -> Complaints:
    """Check that a stop leaves the container, unless somebody has removed it."""
    yield from _same_container(change)
    if change.after.status not in _DOWN:
        yield f"was a stop, and the game is {change.after.status}"


def _cleaned_up(change: Change) -> Complaints:
    """Check that a cleanup leaves no container, and that the game did not run."""
    if change.after.status is not RuntimeStatus.REMOVED or change.after.container:
        yield f"was a cleanup, and the game is {change.after}"
    if change.before.status is RuntimeStatus.RUNNING:
        yield "cleaned up a game that ran"


def _adopted(change: Change) -> Complaints:
    """Check that what was adopted runs; a container that got its name back stays as it is."""
    renamed = change.after == change.before
    if change.after.status is not RuntimeStatus.RUNNING and not renamed:
        yield f"was an adoption, and the game is {change.after.status}"


def _observed(change: Change) -> Complaints:
    """Check that an observation only records that an engine is gone, never that one runs."""
    yield from _same_container(change)
    if change.after.status is RuntimeStatus.RUNNING is not change.before.status:
        yield "was only observed, and the game runs now"


AFTER: Mapping[OperationKind, Callable[[Change], Complaints]] = {
    OperationKind.START: _replaced,
    OperationKind.PATCH: _replaced,
    OperationKind.RESTART: _restarted,
    OperationKind.STOP: _stopped,
    OperationKind.CLEANUP_CONTAINER: _cleaned_up,
    OperationKind.RECONCILE_ADOPT: _adopted,
    OperationKind.RECONCILE_DISPOSE: _observed,
    OperationKind.RECONCILE_OBSERVED_EXIT: _observed,
}


def _new_engine(change: Change) -> Complaints:
    after = change.after
    if after.status is not RuntimeStatus.RUNNING:
        yield f"succeeded, and the game is {after.status}"
    if after.maker != change.operation.id:
        yield f"succeeded with a container that operation {after.maker} made"


def _asked_image(change: Change) -> Complaints:
    asked, after = change.operation.request.image_ref or "", change.after
    is_renamed = not same_image(asked, after.image_ref) and not change.touched
    if is_renamed or after.image != change.wanted:
        yield f"was asked for {asked}, and {after.image_ref} is there, made of {after.image}"


def _same_container(change: Change) -> Complaints:
    before, after = change.before, change.after
    if after.container is None:
        if after.status is RuntimeStatus.STOPPED:
            yield "left a stopped game without a container"
    elif (after.container, after.image_ref) != (before.container, before.image_ref):
        yield f"put {after} in the place of {before}"


def same_image(one: str, other: str | None) -> bool:
    """Return whether two references name the same image; none is like no other."""
    return other is not None and ImageRef.parse(one).same_image_as(ImageRef.parse(other))
