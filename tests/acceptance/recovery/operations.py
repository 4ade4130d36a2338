"""The operations that are killed at every step, and where docs/recovery.md says that they end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from tests.acceptance.stage import Stage, ok

OLD, NEW = "1.4.7", "1.4.8"
BROKEN = "1.4.90-exits-when-asked"
"""Not one that exits by itself: whether the look after its start finds it running is chance."""
STUBBORN = "1.4.90-ignores-sigterm"

Request = Callable[[Stage, str], httpx.Response]


@dataclass(frozen=True)
class End:
    """Where a game ends: its status, the version in its record, and whether it has a container."""

    status: str
    version: str | None

    @property
    def has_container(self) -> bool:
        """Tell whether the game has a container, under its own name."""
        return self.status in {"running", "stopped"}


NOTHING = End("missing", None)


@dataclass(frozen=True)
class Case:
    """One operation in one situation, and where it ends, however often a process dies over it.

    An operation whose engine cannot run `fails`, and ends where it began. `keeps` tells that it
    leaves the game its container.
    """

    name: str
    set_up: Sequence[Request]
    request: Request
    before: End
    after: End
    verb: str
    fails: bool = False
    keeps: bool = False

    def task(self, game: str) -> str:
        """Return the name under which the service runs the operation."""
        return f"{self.verb} {game}"

    def prepare(self, stage: Stage, game: str) -> None:
        """Bring a game into the situation."""
        for request in self.set_up:
            ok(request(stage, game))

    def end(self, *, begun: bool) -> End:
        """Return where recovery must lead: an operation that has begun goes on to its end."""
        return self.after if begun else self.before

    @property
    def answer(self) -> int:
        """The status that the request ends with."""
        return 500 if self.fails else 200


def _start(stage: Stage, game: str) -> httpx.Response:
    return stage.start(game, OLD)


def _start_new(stage: Stage, game: str) -> httpx.Response:
    return stage.start(game, NEW)


def _stop(stage: Stage, game: str) -> httpx.Response:
    return stage.stop(game)


def _restart(stage: Stage, game: str) -> httpx.Response:
    return stage.restart(game)


def _patch(stage: Stage, game: str) -> httpx.Response:
    return stage.patch(game, NEW)


def _patch_broken(stage: Stage, game: str) -> httpx.Response:
    return stage.patch(game, BROKEN)


def _clean_up(stage: Stage, game: str) -> httpx.Response:
    return stage.clean_up(game)


def _stubborn(stage: Stage, game: str) -> httpx.Response:
    return stage.start(game, STUBBORN)


RUNS, STOPPED, RUNS_NEW = End("running", OLD), End("stopped", OLD), End("running", NEW)
RUNS_STUBBORN = End("running", STUBBORN)

CASES = (
    Case("first start", [], _start, NOTHING, RUNS, "start"),
    Case("start over a stopped one", [_start, _stop], _start_new, STOPPED, RUNS_NEW, "start"),
    Case("restart", [_start], _restart, RUNS, RUNS, "restart"),
    Case("patch", [_start], _patch, RUNS, RUNS_NEW, "patch"),
    Case(
        "patch of an engine that ignores SIGTERM",
        [_stubborn],
        _patch,
        RUNS_STUBBORN,
        RUNS_NEW,
        "patch",
    ),
    Case("broken patch", [_start], _patch_broken, RUNS, RUNS, "patch", fails=True, keeps=True),
    Case("stop", [_start], _stop, RUNS, STOPPED, "stop", keeps=True),
    Case(
        "stop of an engine that ignores SIGTERM",
        [_stubborn],
        _stop,
        RUNS_STUBBORN,
        End("stopped", STUBBORN),
        "stop",
        keeps=True,
    ),
    Case("cleanup", [_start, _stop], _clean_up, STOPPED, End("removed", None), "cleanup_container"),
)
