"""The list of games: which of them, in which order, and how many of each."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlencode

from rtmanager.client import RuntimeOverview

STATUSES = ("running", "stopped", "removed")
HEALTHS = ("healthy", "unhealthy", "unknown")

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_URGENCY = {"unhealthy": 0, "unknown": 1, "healthy": 2}


def since(game: RuntimeOverview) -> datetime | None:
    """Return since when a game has been in its status."""
    at = {"running": game.started_at, "stopped": game.stopped_at, "removed": game.removed_at}
    return at.get(game.status) or game.last_op_at


def is_busy(game: RuntimeOverview) -> bool:
    """Return whether an operation on the game runs."""
    return game.last_operation is not None and game.last_operation.outcome == "open"


def _last_operation(game: RuntimeOverview) -> tuple[bool, datetime]:
    last = game.last_operation
    return is_busy(game), last.started_at if last else _LONG_AGO


_Key = Callable[[RuntimeOverview], Any]
SORTS: Mapping[str, tuple[_Key, bool]] = {
    "game": (lambda game: game.game_id, False),
    "status": (lambda game: STATUSES.index(game.status) if game.status in STATUSES else 9, False),
    "health": (lambda game: _URGENCY.get(game.health, 9), False),
    "image": (lambda game: game.image_ref or "~", False),
    "age": (lambda game: since(game) or _LONG_AGO, True),
    "operation": (_last_operation, True),
}
"""What each column sorts by, and whether the greatest is first."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which games to show, and in which order; empty for all."""

    q: str = ""
    status: str = ""
    health: str = ""
    sort: str = "game"
    reverse: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Return what an address asks for; a value that is not known counts as none."""
        sort = query.get("sort", "")
        return cls(
            q=query.get("q", "").strip(),
            status=_known(query.get("status", ""), STATUSES),
            health=_known(query.get("health", ""), HEALTHS),
            sort=_known(sort.removeprefix("-"), tuple(SORTS)) or "game",
            reverse=sort.startswith("-"),
        )

    def address(self, **changes: Any) -> str:
        """Return the address of the list with some of it changed."""
        changed = replace(self, **changes)
        sort = f"-{changed.sort}" if changed.reverse else changed.sort
        values = {"q": changed.q, "status": changed.status, "health": changed.health}
        values["sort"] = "" if sort == "game" else sort
        return "/console/" + _query({key: value for key, value in values.items() if value})

    def sorted_by(self, column: str) -> str:
        """Return the address of the list sorted by a column; once more turns it around."""
        return self.address(sort=column, reverse=self.sort == column and not self.reverse)

    def direction(self, column: str) -> str:
        """Return the direction of a column for `aria-sort`."""
        if column != self.sort:
            return "none"
        return "descending" if SORTS[column][1] != self.reverse else "ascending"

    def matches(self, game: RuntimeOverview) -> bool:
        """Return whether a game is among those that are wanted."""
        return (
            self.status in {"", game.status}
            and self.health in {"", game.health}
            and self.q.lower() in text_of(game)
        )

    def in_order(self, games: Sequence[RuntimeOverview]) -> list[RuntimeOverview]:
        """Return the games sorted; those that are equal by their id."""
        key, greatest_first = SORTS[self.sort]
        return sorted(games, key=key, reverse=greatest_first != self.reverse)


def text_of(game: RuntimeOverview) -> str:
    """Return what the search looks at."""
    return f"{game.game_id} {game.image_ref or ''}".lower()


def counts(games: Sequence[RuntimeOverview]) -> Mapping[str, int]:
    """Return how many games have each status and each health, and on how many an operation runs."""
    found: Counter[str] = Counter(all=len(games), busy=sum(map(is_busy, games)))
    found.update(str(game.status) for game in games)
    found.update(str(game.health) for game in games if game.status == "running")
    return found


def _known(value: str, values: Sequence[str]) -> str:
    return value if value in values else ""


def _query(values: Mapping[str, str]) -> str:
    return f"?{urlencode(values)}" if values else ""
