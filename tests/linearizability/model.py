"""The sequential specification of one game: the contract's state machine as a pure function.

It is written from `spec/internal-openapi.yaml` and shares no code with the service.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from tests.linearizability.history import Kind, Operation, Record

RUNNING, STOPPED, REMOVED = "running", "stopped", "removed"
NOT_FOUND, CONFLICT, PATCH_ONLY = "not_found", "conflict", "semver_patch_only"
START_FAILED, INTERNAL = "container_start_failed", "internal_error"

BROKEN = frozenset({"galaxy/game:1.4.9", "galaxy/game:1.4.90-exits-at-once"})
"""Images whose engine exits before it answers: none of them ever runs."""

STATUS_OF = {
    NOT_FOUND: HTTPStatus.NOT_FOUND,
    CONFLICT: HTTPStatus.CONFLICT,
    PATCH_ONLY: HTTPStatus.CONFLICT,
    START_FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
    INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_UNNAMED = "?"


@dataclass(frozen=True, slots=True)
class GameState:
    """The contents of the record, and the containers that it must never name again.

    A container that no answer has named yet is `?` and the operation that made it. A game that was
    never started has no status.
    """

    status: str | None = None
    image: str | None = None
    container: str | None = None
    retired: frozenset[str] = frozenset()

    @property
    def is_unnamed(self) -> bool:
        """Return whether no answer has named the container yet."""
        return self.container is not None and self.container.startswith(_UNNAMED)

    def seen_as(self, record: Record) -> "GameState | None":
        """Return the state as an answer shows it, with its container named; None if they differ."""
        if (record.status, record.image) != (self.status, self.image):
            return None
        if record.container == self.container:
            return self
        if not self.is_unnamed or not record.container or record.container in self.retired:
            return None
        return replace(self, container=record.container)

    def __str__(self) -> str:
        """Return a readable form."""
        if self.status is None:
            return "never started"
        if self.is_unnamed:
            return f"{self.status} {self.image} in a container that no answer has named"
        return str(Record(self.status, self.image, self.container))


@dataclass(frozen=True, slots=True)
class Step:
    """One legal way for an operation to take effect.

    It was `admitted` if it was the only operation on its game when it began; a refusal because of a
    concurrent operation was not admitted.
    """

    state: GameState
    admitted: bool = True


NEVER_STARTED = GameState()

Effect = GameState | str
"""What the contract says to a request: the next state (unchanged by a replay), or the error."""


def effect_of(state: GameState, operation: Operation) -> Effect:
    """Return what a request does in this state, as far as the contract defines it."""
    if operation.kind is not Kind.START and state.status is None:
        return NOT_FOUND
    return _EFFECTS[operation.kind](state, operation)


def legal_steps(state: GameState, operation: Operation, *, contended: bool) -> Iterator[Step]:
    """Return the ways in which the operation, with its actual answer, may take effect here.

    If there is none, the answer is wrong in this state. An operation of unknown outcome may also
    never take effect, which is no step. `contended` means that another one may have held the game.
    """
    effect = effect_of(state, operation)
    if operation.is_unknown:
        if isinstance(effect, GameState) and effect is not state:
            yield Step(effect)
        return
    yield from _answered(state, operation, effect)
    if contended and not operation.is_read and _is_error(operation, CONFLICT):
        yield Step(state, admitted=False)


def _answered(state: GameState, operation: Operation, effect: Effect) -> Iterator[Step]:
    response = operation.response
    if isinstance(effect, str):
        if _is_error(operation, effect):
            yield Step(state, admitted=not operation.is_read)
    elif response is not None and response.status == HTTPStatus.OK and response.record is not None:
        seen = effect.seen_as(response.record)
        if seen is not None:
            yield Step(seen, admitted=not operation.is_read)
    elif effect is not state and _may_fail(operation, effect):
        yield Step(state)  # rolled back: the record is as it was


def _may_fail(operation: Operation, effect: GameState) -> bool:
    """Return whether the answer is an error with which an operation that has begun may end."""
    starts = effect.status == RUNNING
    return _is_error(operation, INTERNAL) or (starts and _is_error(operation, START_FAILED))


def _is_error(operation: Operation, code: str) -> bool:
    response = operation.response
    return response is not None and (response.status, response.code) == (STATUS_OF[code], code)


def _get(state: GameState, _: Operation) -> Effect:
    return state


def _start(state: GameState, operation: Operation) -> Effect:
    if state.status == RUNNING:
        return state if state.image == operation.image else CONFLICT
    return _in_new_container(state, operation, operation.image)


def _stop(state: GameState, _: Operation) -> Effect:
    return replace(state, status=STOPPED) if state.status == RUNNING else state


def _restart(state: GameState, operation: Operation) -> Effect:
    if state.status == REMOVED:
        return CONFLICT
    return _in_new_container(state, operation, state.image)


def _patch(state: GameState, operation: Operation) -> Effect:
    if state.status == REMOVED:
        return CONFLICT
    if _line(state.image) != _line(operation.image):
        return PATCH_ONLY
    if state.status == RUNNING and state.image == operation.image:
        return state
    return _in_new_container(state, operation, operation.image)


def _cleanup(state: GameState, _: Operation) -> Effect:
    if state.status == RUNNING:
        return CONFLICT
    if state.status == REMOVED:
        return state
    return GameState(REMOVED, retired=_retired(state))


def _in_new_container(state: GameState, operation: Operation, image: str | None) -> Effect:
    if image in BROKEN:
        return START_FAILED
    return GameState(RUNNING, image, f"{_UNNAMED}{operation.id}", _retired(state))


def _retired(state: GameState) -> frozenset[str]:
    if state.container is None or state.is_unnamed:
        return state.retired
    return state.retired | {state.container}


def _line(image: str | None) -> list[str]:
    """Return the major and minor version in an image's tag."""
    return (image or "").rpartition(":")[2].split(".")[:2]


_EFFECTS: Mapping[Kind, Callable[[GameState, Operation], Effect]] = {
    Kind.GET: _get,
    Kind.START: _start,
    Kind.STOP: _stop,
    Kind.RESTART: _restart,
    Kind.PATCH: _patch,
    Kind.CLEANUP: _cleanup,
}
