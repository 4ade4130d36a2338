"""Clients call two processes of the service, one of which is killed again and again."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.acceptance.recovery.load import CONSISTENT_WITHIN
from tests.linearizability.checker import violations
from tests.linearizability.history import (
    Kind,
    Operation,
    by_game,
    concurrent_operations,
    contended_operations,
    save,
)
from tests.linearizability.model import BROKEN
from tests.linearizability.workload import (
    Kills,
    Workload,
    interrupted_operations,
    killed_in_turn,
    kills_inside_operations,
)
from tests.support.calls import wait_until
from tests.support.environment import SHORT_LEASE, Environment, NewEnvironment, new_game
from tests.support.run import Say, run_name

SECONDS = float(os.environ.get("LINEARIZABILITY_SECONDS", "30"))
SEED = int(os.environ.get("LINEARIZABILITY_SEED", "1"))
KILL_EVERY = 6.0
GAMES = 5
MORE_ROUNDS, ROUND_SECONDS = 8, 15.0
KEPT = Path(__file__).parents[2] / ".rtmanager" / "linearizability"
"""Where a history without a valid order is kept: the run's own directory is removed."""
SHORT_WAITS = {"container_stop_timeout_seconds": "1", "game_lease_ttl_seconds": SHORT_LEASE}
LEAST = {
    "answered": 100,
    "changes of unknown outcome": 3,
    "concurrent with another call": 60,
    "concurrent with another change": 30,
    "kills": 4,
    "kills inside an operation": 2,
    "operations interrupted": 2,
    **{f"{kind} 200": 2 for kind in Kind},
}
"""How often each must occur per minute; on an idle machine it is several times as often."""

_FAILED = HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.fixture(scope="module")
def replicas(new_environment: NewEnvironment) -> Sequence[Environment]:
    """Return two processes on the same servers."""
    return [new_environment(**SHORT_WAITS) for _ in range(2)]


def test_calls_to_killed_processes_have_an_order(replicas: Sequence[Environment], say: Say) -> None:
    """Every answer is right in one order of the calls that respects their times, for every game."""
    say(f"Linearizability: {SECONDS:.0f} s, LINEARIZABILITY_SEED={SEED} ...")
    workload = _workload(replicas)
    with killed_in_turn(replicas, every=KILL_EVERY) as kills:
        _call_enough(workload, kills)
    inconsistent = _read_when_finished(workload, replicas[0])
    counts = counts_of(workload.history, kills)
    say(f"Linearizability: {counts}; {outcomes_of(workload.history)}")

    wrong = violations(workload.history)
    assert wrong == [], "\n".join([f"history: {_kept(workload.history)}", *map(str, wrong)])
    assert inconsistent == []
    assert too_few(counts, minutes=SECONDS / 60) == {}


def _workload(replicas: Sequence[Environment]) -> Workload:
    """Return clients of both processes, whose seed chooses the games' calls but not their names."""
    clients = [partial(each.service.client, timeout=90) for each in replicas]
    games = [new_game() for _ in range(GAMES)]
    return Workload(clients, games, SEED, longest_pause=0.15)


def _call_enough(workload: Workload, kills: Kills) -> None:
    """Let the clients call for the requested time; on a busy machine for longer."""
    workload.call_for(SECONDS)
    for _ in range(MORE_ROUNDS):
        if not too_few(counts_of(workload.history, kills), minutes=SECONDS / 60):
            return
        workload.call_for(ROUND_SECONDS)


def _read_when_finished(workload: Workload, environment: Environment) -> list[str]:
    """Read the games once nothing is open and records and containers have had time to agree.

    Return how they still differ. Nothing between the two reads changes a record.
    """
    wait_until(lambda: not environment.open_operations(), seconds=CONSISTENT_WITHIN)
    workload.read_all()

    def found() -> list[str]:
        return [each for game in workload.games for each in environment.inconsistencies(game)]

    # The caller reports the differences that remain: a timeout error would name none.
    with suppress(AssertionError):
        wait_until(lambda: not found(), seconds=CONSISTENT_WITHIN)
    workload.read_all()
    return found()


def _kept(history: Sequence[Operation]) -> Path:
    """Save a history where it survives the run, and return the path."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{run_name()}.jsonl"
    save(history, path)
    return path


def counts_of(history: Sequence[Operation], kills: Kills) -> dict[str, int]:
    """Return how often each event that matters has occurred."""
    games = by_game(history).values()
    lost = [each for each in history if each.is_unknown and not each.is_read]
    return {
        "answered": sum(not each.is_unknown for each in history),
        "changes of unknown outcome": len(lost),
        "concurrent with another call": sum(len(concurrent_operations(each)) for each in games),
        "concurrent with another change": sum(len(contended_operations(each)) for each in games),
        "kills": len(kills),
        "kills inside an operation": kills_inside_operations(kills, history),
        "operations interrupted": len(interrupted_operations(kills, history)),
        "failures of engines that run": len(_unreasonable_failures(history)),
        **_successes(history),
    }


def outcomes_of(history: Sequence[Operation]) -> dict[str, int]:
    """Return how often each kind got which answer."""
    answers = Counter(f"{each.kind} {_outcome(each)}" for each in history)
    return dict(sorted(answers.items()))


def too_few(counts: Mapping[str, int], *, minutes: float) -> dict[str, int]:
    """Return the counts that are too low for a run of so many minutes."""
    return {what: counts[what] for what, least in LEAST.items() if counts[what] < least * minutes}


def _successes(history: Sequence[Operation]) -> dict[str, int]:
    succeeded = Counter(
        each.kind for each in history if each.response and each.response.status == HTTPStatus.OK
    )
    return {f"{kind} 200": succeeded[kind] for kind in Kind}


def _unreasonable_failures(history: Sequence[Operation]) -> list[Operation]:
    """Return failures of images that are not broken, as happens on a slow host."""
    failures = (each for each in history if each.response and each.response.status == _FAILED)
    return [each for each in failures if each.image not in BROKEN]


def _outcome(operation: Operation) -> str:
    response = operation.response
    return "no answer" if response is None else response.code or str(response.status)
