"""A history: what each client asked for, when, and what it was answered."""

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
        """Name it for people."""
        container = f" in {self.container[:12]}" if self.container else ""
        return f"{self.status} {self.image or ''}".strip() + container


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its HTTP status, and the record of a success or the code of an error."""

    status: int
    record: Record | None = None
    code: str | None = None

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.status} {self.record or self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An invocation and its response, in seconds of one monotonic clock.

    Without a response the connection broke or was given up at `returned_at`. Such an operation
    `may_begin_late` when its process lived on, which may still have been about to begin it.
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
        """Tell whether the client does not know what came of it: no answer, or a 503."""
        return self.response is None or self.response.status == 503

    @property
    def is_read(self) -> bool:
        """Tell whether it only looks."""
        return self.kind is Kind.GET

    @property
    def changes_nothing(self) -> bool:
        """Tell whether it leaves the game as it is whenever it takes effect: a read, a refusal."""
        return self.is_read or (not self.is_unknown and not self._has_succeeded)

    @property
    def _has_succeeded(self) -> bool:
        return self.response is not None and self.response.record is not None

    def __str__(self) -> str:
        """Name it for people."""
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


def save(history: Iterable[Operation], path: Path) -> None:
    """Write a history as JSON lines."""
    path.write_text("".join(f"{json.dumps(asdict(each))}\n" for each in history))


def load(path: Path) -> Sequence[Operation]:
    """Read a history that `save` has written."""
    return [_operation(json.loads(line)) for line in path.read_text().splitlines()]


def _operation(saved: dict[str, Any]) -> Operation:
    kind, response = Kind(saved.pop("kind")), saved.pop("response")
    return Operation(kind=kind, response=response and _response(response), **saved)


def _response(saved: dict[str, Any]) -> Response:
    record = saved["record"]
    return Response(saved["status"], record and Record(**record), saved["code"])
