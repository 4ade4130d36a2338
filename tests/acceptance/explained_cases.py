"""The cases of `docs/explanations.md`: how each comes about on the real system."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.acceptance.streams import Lobby
from tests.support.calls import ok, under_way, wait_until
from tests.support.environment import SILENT_ENGINE, STUBBORN_ENGINE, Environment

OPERATOR = "/api/v1/operator"
PAGE = "docs/explanations.md"
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
_ADDRESS = re.compile(r"(unix|tcp)://\S+")


@dataclass(frozen=True)
class Case:
    """A game of one case, on the service and with everyone who acts on it."""

    environment: Environment
    lobby: Lobby
    game: str
    brief: str = ""
    """An image whose engine serves for a moment and exits with code 0."""

    @property
    def container(self) -> str:
        """The name of the engine's container."""
        return f"galaxy-game-{self.game}"

    @property
    def docker(self) -> Any:
        """Docker, as somebody with a shell uses it."""
        return self.environment.docker

    @property
    def gm(self) -> Environment:
        """The environment, as the Game Master uses it."""
        return replace(self.environment, headers={"X-Galaxy-Caller": "gm"})

    def explain(self) -> dict[str, Any]:
        """Return the explanation."""
        return ok(explain(self.environment, self.game))

    def sentence(self) -> str:
        """Return the sentence of the explanation as the page shows it."""
        return anonymous(str(self.explain()["summary"]), self.game)

    def becomes(self, status: str) -> None:
        """Wait until the record has this status."""
        wait_until(lambda: ok(self.environment.get(self.game))["status"] == status)

    def is_said(self, words: str) -> None:
        """Wait until the sentence has these words; leave it to the comparison if it never does."""
        with suppress(AssertionError):
            wait_until(lambda: words in explain(self.environment, self.game).text, seconds=6)


def explain(environment: Environment, game: str) -> httpx.Response:
    """Ask for an explanation."""
    return environment.call("GET", f"{OPERATOR}/runtimes/{game}/explain")


def anonymous(sentence: str, game: str) -> str:
    """Return the sentence with what differs between runs replaced."""
    named = _TIME.sub("TIME", sentence).replace(game, "GAME")
    return _ADDRESS.sub("ADDRESS", named)


def _runs(case: Case) -> None:
    ok(case.gm.start(case.game))


def _is_healthy(case: Case) -> None:
    _runs(case)
    case.is_said(", healthy")


def _is_unhealthy(case: Case) -> None:
    _runs(case)
    (case.environment.state(case.game) / "unhealthy").touch()
    case.is_said("unhealthy since")


def _never_answered(case: Case) -> None:
    ok(case.gm.start(case.game, SILENT_ENGINE))


def _is_being_started(case: Case) -> str:
    with under_way(lambda: case.gm.start(case.game, SILENT_ENGINE)):
        case.is_said("now: waiting for /healthz")
        return case.sentence()


def _is_stopped(case: Case) -> None:
    _runs(case)
    ok(case.gm.stop(case.game))


def _is_stopped_by_a_job(case: Case) -> None:
    case.lobby.result(case.lobby.start(case.game))
    case.lobby.result(case.lobby.stop(case.game, "cancelled"))


def _is_stubborn(case: Case) -> None:
    ok(case.gm.start(case.game, STUBBORN_ENGINE))
    ok(case.environment.stop(case.game))


def _is_killed(case: Case) -> None:
    _runs(case)
    case.docker.kill(case.container)
    case.becomes("stopped")


def _is_stopped_by_hand(case: Case) -> None:
    _runs(case)
    case.docker.stop(case.container)
    case.becomes("stopped")


def _is_stopped_by_hand_and_killed(case: Case) -> None:
    ok(case.gm.start(case.game, STUBBORN_ENGINE))
    case.docker.stop(case.container, timeout=1)
    case.becomes("stopped")


def _is_restarted_by_hand(case: Case) -> None:
    _runs(case)
    case.docker.restart(case.container)
    case.is_said("someone else")
    case.is_said(", healthy")


def _runs_out_of_memory(case: Case) -> None:
    ok(case.gm.start(case.game, "1.4.90-eats-memory"))
    (case.environment.state(case.game) / "eat-memory").touch()
    case.becomes("stopped")


def _crashes(case: Case) -> None:
    ok(case.gm.start(case.game, "1.4.90-exits-after-a-second"))
    case.becomes("stopped")


def _exits_with_0(case: Case) -> None:
    body = {"image_ref": case.brief}
    ok(case.gm.call("POST", f"/api/v1/internal/runtimes/{case.game}/start", body))
    case.becomes("stopped")


def _is_removed_by_force(case: Case) -> None:
    _runs(case)
    case.docker.remove_container(case.container, force=True)
    case.becomes("removed")


def _is_removed_by_hand(case: Case) -> None:
    _is_stopped(case)
    case.docker.remove_container(case.container)
    case.becomes("removed")


def _is_cleaned_up(case: Case) -> None:
    _is_stopped(case)
    ok(case.environment.clean_up(case.game))


def _expires(case: Case) -> None:
    _is_stopped(case)
    statement = (
        "UPDATE runtime_records SET last_op_at = last_op_at - interval '3 days'"
        " WHERE game_id = %s RETURNING 1"
    )
    case.environment.rows(statement, case.game)
    case.becomes("removed")


def _cannot_be_patched(case: Case) -> None:
    _runs(case)
    assert case.gm.patch(case.game, "1.4.9").is_error
    case.is_said(", healthy")  # a probe may have met the engine while it was down


def _cannot_be_started(case: Case) -> None:
    assert case.gm.start(case.game, "1.4.9").is_error


CASES: dict[str, Callable[[Case], str | None]] = {
    "it runs": _is_healthy,
    "it runs and `/healthz` fails": _is_unhealthy,
    "it runs and never answered": _never_answered,
    "it is being started": _is_being_started,
    "stop by the Game Master": _is_stopped,
    "stop by a job of the Lobby": _is_stopped_by_a_job,
    "stop by an operator, of an engine that ignores SIGTERM": _is_stubborn,
    "`docker kill`": _is_killed,
    "`docker stop`": _is_stopped_by_hand,
    "`docker stop` of an engine that ignores SIGTERM": _is_stopped_by_hand_and_killed,
    "`docker restart`": _is_restarted_by_hand,
    "out of memory": _runs_out_of_memory,
    "crash": _crashes,
    "exit with code 0 by itself": _exits_with_0,
    "`docker rm -f`": _is_removed_by_force,
    "`docker rm` of a stopped engine": _is_removed_by_hand,
    "cleanup by an operator": _is_cleaned_up,
    "retention": _expires,
    "failed patch, rolled back": _cannot_be_patched,
    "failed start of a new game": _cannot_be_started,
}
