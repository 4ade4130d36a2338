"""Which operations of a history overlap in time."""

from collections.abc import Sequence

from tests.linearizability.history import Operation
from tests.linearizability.model import CONFLICT

CALL, RETURN = 0, 1
Event = tuple[float, int, Operation]


def events_of(operations: Sequence[Operation]) -> list[Event]:
    """Return calls and returns in the order of time; at the same moment a call comes first."""
    events = [(each.called_at, CALL, each) for each in operations]
    events += [(each.returned_at, RETURN, each) for each in operations]
    return sorted(events, key=lambda event: (event[0], event[1], event[2].id))


def is_decided_by(lost: Operation, admitted: Operation) -> bool:
    """Tell whether an operation of unknown outcome was over, or never began, before `admitted`.

    Its process is dead, or has answered that what began goes on. A game's next operation begins
    only when the one that is open has been carried to its end. So what was asked after the loss,
    and was let in, came after it.
    """
    return lost.returned_at < admitted.called_at and not lost.may_begin_late


def contended_operations(operations: Sequence[Operation]) -> set[int]:
    """Return the ids of those that another one may have kept waiting: both are no reads."""
    contended: set[int] = set()
    in_flight: dict[int, Operation] = {}
    for _, what, operation in events_of([each for each in operations if not each.is_read]):
        if what == CALL:
            contended |= {operation.id, *in_flight} if in_flight else set()
            in_flight[operation.id] = operation
        elif not operation.is_unknown:
            del in_flight[operation.id]
            in_flight = _without_decided(in_flight, operation)
    return contended


def concurrent_operations(operations: Sequence[Operation]) -> set[int]:
    """Return the ids of those that overlapped another one of their game, reads included."""
    concurrent: set[int] = set()
    in_flight: set[int] = set()
    for _, what, operation in events_of(operations):
        if what == CALL:
            concurrent |= {operation.id, *in_flight} if in_flight else set()
            in_flight.add(operation.id)
        else:
            in_flight.remove(operation.id)
    return concurrent


def _without_decided(in_flight: dict[int, Operation], by: Operation) -> dict[int, Operation]:
    """Leave out what was over when `by`, which has just returned, was let in; if it surely was."""
    if by.response is None or by.response.code == CONFLICT:
        return in_flight
    return {
        number: each
        for number, each in in_flight.items()
        if not (each.is_unknown and is_decided_by(each, by))
    }
