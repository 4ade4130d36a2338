"""A history: what each client asked for, when, what it was answered, and what overlapped."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self


class Kind(StrEnum):
    """What can be asked of a game."""

    GET = "get"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    PATCH = "patch"
    CLEANUP = "cleanup"


@dataclass(frozen=True, slots=True)
class Record:
    """What an answer says of the game."""

    status: str
    image: str | None
    container: str | None

    @classmethod
    def from_json(cls, shown: dict[str, Any]) -> Self:
        """Return the record of the contract's JSON."""
        return cls(shown["status"], shown["current_image_ref"], shown["current_container_id"])

    def __str__(self) -> str:
        """Return a readable form."""
        container = f" in {self.container[:12]}" if self.container else ""
        return f"{self.status} {self.image or ''}".strip() + container


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its HTTP status, and the record of a success or the code of an error."""

    status: int
    record: Record | None = None
    code: str | None = None

    def __str__(self) -> str:
        """Return a readable form."""
        return f"{self.status} {self.record or self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An invocation and its response, in seconds of one monotonic clock.

    Without a response, the connection broke or was given up at `returned_at`. Such an operation
    `may_begin_late` if its process stayed alive and may have been about to begin it.
    """

    id: int
    client: str
    game: str
    kind: Kind
    called_at: float
    returned_at: float
    image: str | None = None
    response: Response | None = None
    may_begin_late: bool = False

    @property
    def request_id(self) -> str:
        """The id that its request carried, by which the operation log knows it."""
        return request_id(self.id)

    @property
    def is_unknown(self) -> bool:
        """Return whether its outcome is unknown to the client: no answer, or a 503."""
        return self.response is None or self.response.status == 503

    @property
    def is_read(self) -> bool:
        """Return whether it is a read."""
        return self.kind is Kind.GET

    @property
    def changes_nothing(self) -> bool:
        """Return whether it never changes the game, as a read or a refusal."""
        return self.is_read or (not self.is_unknown and not self._has_succeeded)

    @property
    def _has_succeeded(self) -> bool:
        return self.response is not None and self.response.record is not None

    def __str__(self) -> str:
        """Return a readable form."""
        asked = f"{self.kind} {self.image or ''}".strip()
        answer = self.response or "no answer"
        return f"[{self.called_at:9.3f} {self.returned_at:9.3f}] {self.client}: {asked} -> {answer}"


def request_id(number: int) -> str:
    """Return the request id of the operation of this number."""
    return f"call-{number}"


def by_game(history: Iterable[Operation]) -> dict[str, list[Operation]]:
    """Return the operations of each game in the order of their calls; games are independent."""
    games: dict[str, list[Operation]] = {}
    for operation in sorted(history, key=lambda each: each.called_at):
        games.setdefault(operation.game, []).append(operation)
    return games


CALL, RETURN = 0, 1
Event = tuple[float, int, Operation]


def events_of(operations: Sequence[Operation]) -> list[Event]:
    """Return calls and returns in the order of time; at the same moment a call comes first."""
    events = [(each.called_at, CALL, each) for each in operations]
    events += [(each.returned_at, RETURN, each) for each in operations]
    return sorted(events, key=lambda event: (event[0], event[1], event[2].id))


def is_decided_by(lost: Operation, admitted: Operation) -> bool:
    """Return whether an operation of unknown outcome had ended, or never began, before `admitted`.

    Its process is dead, or has answered that the operation is resumed. A game's next operation
    begins only when the one that is open is finished. So what was asked after the loss, and was
    admitted, came after it.
    """
    return lost.returned_at < admitted.called_at and not lost.may_begin_late


def contended_operations(operations: Sequence[Operation]) -> set[int]:
    """Return the ids of the changes that another change may have delayed."""
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
    """Leave out what must have ended when `by`, which has just returned, was admitted."""
    if by.response is None or by.response.code == "conflict":
        return in_flight
    return {
        number: each
        for number, each in in_flight.items()
        if not (each.is_unknown and is_decided_by(each, by))
    }


def save(history: Iterable[Operation], path: Path) -> None:
    """Write a history as JSON lines."""
    path.write_text("".join(f"{json.dumps(asdict(each))}\n" for each in history))


def load(path: Path) -> Sequence[Operation]:
    """Read a history that was written by `save`."""
    return [_operation(json.loads(line)) for line in path.read_text().splitlines()]


def _operation(saved: dict[str, Any]) -> Operation:
    kind, response = Kind(saved.pop("kind")), saved.pop("response")
    return Operation(kind=kind, response=response and _response(response), **saved)


def _response(saved: dict[str, Any]) -> Response:
    record = saved["record"]
    return Response(saved["status"], record and Record(**record), saved["code"])
