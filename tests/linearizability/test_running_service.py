"""Clients call two processes of the service, one of which is killed again and again."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from tests.acceptance.recovery.load import SETTLED_WITHIN, disagreements
from tests.acceptance.stage import Stage, new_game, wait_until
from tests.linearizability.checker import violations
from tests.linearizability.clients import Crowd
from tests.linearizability.history import Kind, Operation, save
from tests.linearizability.overlaps import concurrent_operations, contended_operations
from tests.services import plain_http
from tests.services.run import run_name
from tests.services.session import Say

SECONDS = float(os.environ.get("LINEARIZABILITY_SECONDS", "60"))
SEED = int(os.environ.get("LINEARIZABILITY_SEED", "1"))
KILL_EVERY = 6.0
GAMES = 5
KEPT = Path(__file__).parents[2] / ".rtmanager" / "linearizability"
"""Where a history that has no order is kept; the directory of the run goes with the run."""
SHORT_WAITS = {
    "container_stop_timeout_seconds": "1",
    "game_lease_ttl_seconds": "3",
    "start_gate_timeout": "3s",
}
MINIMA = {
    "answered": 120,
    "of unknown outcome": 4,
    "beside another call": 60,
    "beside another change": 40,
    "kills": 4,
    "kills beside an open operation": 2,
}
"""How often each must come up in a minute; on a machine of its own it is three times as often."""
SUCCESSES_OF_EACH_KIND = 2


@pytest.fixture(scope="module")
def replicas(new_stage: Callable[..., Stage]) -> Sequence[Stage]:
    """Return two processes on the same servers."""
    return [new_stage(**SHORT_WAITS) for _ in range(2)]


def test_calls_to_killed_processes_have_an_order(replicas: Sequence[Stage], say: Say) -> None:
    """Every answer is right in one order of the calls that fits their times, for every game."""
    say(f"Linearizability: {SECONDS:.0f} s, LINEARIZABILITY_SEED={SEED} ...")
    crowd = _crowd(replicas)
    with _killed_in_turn(replicas) as kills:
        crowd.call_for(SECONDS)
    _wait_until_nothing_is_open(replicas[0])
    crowd.read_all()
    counts = _counts(crowd.history) | kills
    say(_figures(crowd.history, counts))

    wrong = violations(crowd.history)
    assert wrong == [], "\n".join([f"history: {_kept(crowd.history)}", *map(str, wrong)])
    assert _lasting_disagreements(replicas[0], crowd.games) == []
    _assert_enough(crowd.history, counts)


def _crowd(replicas: Sequence[Stage]) -> Crowd:
    """Return clients of both processes, whose seed chooses the games' calls and not their names."""

    def connect(stage: Stage) -> Callable[[], httpx.Client]:
        return lambda: plain_http.client(stage.service.url, timeout=90)

    games = [new_game() for _ in range(GAMES)]
    return Crowd([connect(each) for each in replicas], games, SEED, longest_pause=0.15)


@contextmanager
def _killed_in_turn(replicas: Sequence[Stage]) -> Iterator[Counter[str]]:
    """Kill one process after the other during the block, and start each again at once."""
    over, kills = threading.Event(), Counter[str]()

    def kill_in_turn() -> None:
        while not over.wait(KILL_EVERY):
            stage = replicas[kills["kills"] % len(replicas)]
            stage.service.kill()
            kills["kills"] += 1
            kills["kills beside an open operation"] += bool(_open(stage))
            stage.service.start()

    killer = threading.Thread(target=kill_in_turn)
    killer.start()
    try:
        yield kills
    finally:
        over.set()
        killer.join()


def _open(stage: Stage) -> int:
    """Return how many operations are open."""
    statement = "SELECT * FROM operation_log WHERE game_id <> %s AND outcome IS NULL"
    return len(stage.rows(statement, "none"))


def _wait_until_nothing_is_open(stage: Stage) -> None:
    """Wait for what was left behind to be carried to its end, and for what reconciles to see it."""
    wait_until(lambda: not _open(stage), seconds=SETTLED_WITHIN)


def _lasting_disagreements(stage: Stage, games: Sequence[str]) -> list[str]:
    """Return how records and containers differ, once what was left parked has had its time."""

    def found() -> list[str]:
        return [each for game in games for each in disagreements(stage, game)]

    # Those that last are for the caller to show: waiting in vain names none.
    with suppress(AssertionError):
        wait_until(lambda: not found(), seconds=SETTLED_WITHIN)
    return found()


def _kept(history: Sequence[Operation]) -> Path:
    """Save a history where it outlives the run, and return where."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{run_name()}.jsonl"
    save(history, path)
    return path


def _counts(history: Sequence[Operation]) -> Counter[str]:
    games = {each.game for each in history}
    of_games = [[each for each in history if each.game == game] for game in games]
    return Counter(
        {
            "answered": sum(not each.is_unknown for each in history),
            "of unknown outcome": sum(each.is_unknown for each in history),
            "beside another call": sum(len(concurrent_operations(each)) for each in of_games),
            "beside another change": sum(len(contended_operations(each)) for each in of_games),
        }
    )


def _figures(history: Sequence[Operation], counts: Counter[str]) -> str:
    answers = Counter(
        f"{each.kind} {each.response and (each.response.code or each.response.status)}"
        for each in history
    )
    said = [f"{count} {what}" for what, count in counts.items()]
    return f"{', '.join(said)}; answers: {dict(sorted(answers.items()))}"


def _assert_enough(history: Sequence[Operation], counts: Counter[str]) -> None:
    """Demand that much happened: an idle service is linearizable, too."""
    minutes = SECONDS / 60
    assert {
        what: counts[what] for what, least in MINIMA.items() if counts[what] < least * minutes
    } == {}
    successes = Counter(
        each.kind for each in history if each.response and each.response.status == HTTPStatus.OK
    )
    assert min(successes[kind] for kind in Kind) >= SUCCESSES_OF_EACH_KIND * minutes
