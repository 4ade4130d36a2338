"""The operations that are killed at every step, and where docs/recovery.md says that they end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from tests.acceptance.stage import Stage, ok

OLD, NEW, BROKEN = "1.4.7", "1.4.8", "1.4.90-exits-at-once"

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
    """One operation in one situation.

    `decisive` is the call after which the operation is settled as a success, None when its engine
    cannot run; `keeps` tells that a success leaves the game its container.
    """

    name: str
    set_up: Sequence[Request]
    request: Request
    before: End
    after: End
    decisive: str | None
    verb: str
    keeps: bool = False
    repeated: int = 200

    def task(self, game: str) -> str:
        """Return the name under which the service runs the operation."""
        return f"{self.verb} {game}"

    def prepare(self, stage: Stage, game: str) -> None:
        """Bring a game into the situation."""
        for request in self.set_up:
            ok(request(stage, game))

    def succeeds(self, done: Sequence[str]) -> bool:
        """Tell whether recovery must end in success when these calls were made."""
        return self.decisive in done

    def end(self, done: Sequence[str]) -> End:
        """Return where recovery must lead when these calls were made."""
        return self.after if self.succeeds(done) else self.before

    @property
    def finally_ends(self) -> End:
        """Where the game is after the request was repeated."""
        return self.after if self.decisive else self.before


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


RUNS, STOPPED, RUNS_NEW = End("running", OLD), End("stopped", OLD), End("running", NEW)
GO = "engine.start"

CASES = (
    Case("first start", [], _start, NOTHING, RUNS, GO, "start"),
    Case("start over a stopped one", [_start, _stop], _start_new, STOPPED, RUNS_NEW, GO, "start"),
    Case("restart", [_start], _restart, RUNS, RUNS, GO, "restart"),
    Case("patch", [_start], _patch, RUNS, RUNS_NEW, GO, "patch"),
    Case("broken patch", [_start], _patch_broken, RUNS, RUNS, None, "patch", repeated=500),
    Case("stop", [_start], _stop, RUNS, STOPPED, "engine.stop", "stop", keeps=True),
    Case(
        "cleanup",
        [_start, _stop],
        _clean_up,
        STOPPED,
        End("removed", None),
        "engine.remove",
        "cleanup_container",
    ),
)
