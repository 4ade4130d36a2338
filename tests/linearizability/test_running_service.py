"""Clients call two processes of the service, one of which is killed again and again."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.acceptance.recovery.load import SETTLED_WITHIN, disagreements
from tests.acceptance.stage import Stage, new_game, wait_until
from tests.linearizability.checker import violations
from tests.linearizability.clients import Crowd
from tests.linearizability.figures import counts_of, outcomes_of, too_few
from tests.linearizability.history import Operation, save
from tests.linearizability.killing import Kills, killed_in_turn, open_operations
from tests.services import plain_http
from tests.services.run import run_name
from tests.services.session import Say

SECONDS = float(os.environ.get("LINEARIZABILITY_SECONDS", "60"))
SEED = int(os.environ.get("LINEARIZABILITY_SEED", "1"))
KILL_EVERY = 6.0
GAMES = 5
MORE_ROUNDS, ROUND_SECONDS = 8, 15.0
KEPT = Path(__file__).parents[2] / ".rtmanager" / "linearizability"
"""Where a history that has no order is kept; the directory of the run goes with the run."""
SHORT_WAITS = {
    "container_stop_timeout_seconds": "1",
    "game_lease_ttl_seconds": "3",
    "start_gate_timeout": "3s",
}


@pytest.fixture(scope="module")
def replicas(new_stage: Callable[..., Stage]) -> Sequence[Stage]:
    """Return two processes on the same servers."""
    return [new_stage(**SHORT_WAITS) for _ in range(2)]


def test_calls_to_killed_processes_have_an_order(replicas: Sequence[Stage], say: Say) -> None:
    """Every answer is right in one order of the calls that fits their times, for every game."""
    say(f"Linearizability: {SECONDS:.0f} s, LINEARIZABILITY_SEED={SEED} ...")
    crowd = _crowd(replicas)
    with killed_in_turn(replicas, every=KILL_EVERY) as kills:
        _call_enough(crowd, kills)
    disagreeing = _read_when_settled(crowd, replicas[0])
    counts = counts_of(crowd.history, kills)
    say(f"Linearizability: {counts}; {outcomes_of(crowd.history)}")

    wrong = violations(crowd.history)
    assert wrong == [], "\n".join([f"history: {_kept(crowd.history)}", *map(str, wrong)])
    assert disagreeing == []
    assert too_few(counts, minutes=SECONDS / 60) == {}


def _crowd(replicas: Sequence[Stage]) -> Crowd:
    """Return clients of both processes, whose seed chooses the games' calls and not their names."""

    def connect(stage: Stage) -> Callable[[], httpx.Client]:
        return lambda: plain_http.client(stage.service.url, timeout=90)

    games = [new_game() for _ in range(GAMES)]
    return Crowd([connect(each) for each in replicas], games, SEED, longest_pause=0.15)


def _call_enough(crowd: Crowd, kills: Kills) -> None:
    """Let the clients call for the time that was asked for; on a busy machine a little longer."""
    crowd.call_for(SECONDS)
    for _ in range(MORE_ROUNDS):
        if not too_few(counts_of(crowd.history, kills), minutes=SECONDS / 60):
            return
        crowd.call_for(ROUND_SECONDS)


def _read_when_settled(crowd: Crowd, stage: Stage) -> list[str]:
    """Read the games when nothing is open, and when records and containers have had time to agree.

    Return how they still differ. What comes between the two reads changes no record.
    """
    wait_until(lambda: not open_operations(stage), seconds=SETTLED_WITHIN)
    crowd.read_all()

    def found() -> list[str]:
        return [each for game in crowd.games for each in disagreements(stage, game)]

    # Those that last are for the caller to show: waiting in vain names none.
    with suppress(AssertionError):
        wait_until(lambda: not found(), seconds=SETTLED_WITHIN)
    crowd.read_all()
    return found()


def _kept(history: Sequence[Operation]) -> Path:
    """Save a history where it outlives the run, and return where."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{run_name()}.jsonl"
    save(history, path)
    return path
