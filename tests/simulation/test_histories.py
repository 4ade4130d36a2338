"""Thousands of histories, none of which may violate an invariant."""

import os
import subprocess
import sys

import pytest

from tests.simulation.expectation import expect
from tests.simulation.history import run_history
from tests.simulation.plan import make_plan
from tests.simulation.shrink import shrink
from tests.simulation.stream_plan import make_supervised_plan

HISTORIES = int(os.environ.get("SIMULATION_HISTORIES", "600"))
SUPERVISED = HISTORIES // 10
SEED = int(os.environ.get("SIMULATION_SEED", "1"))
BATCHES = 8

REPLAY = """
import logging
from tests.simulation.expectation import expect
from tests.simulation.history import run_history
logging.disable(logging.CRITICAL)
for supervised in (False, True):
    for seed in range(20, 30):
        print(run_history(seed, trace=True, supervised=supervised))
"""


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_history_violates_an_invariant(batch: int) -> None:
    """Whatever is interleaved, killed, lost, cut or late: record, log and Docker agree."""
    for seed in range(SEED + batch, SEED + HISTORIES, BATCHES):
        verdict = run_history(seed)
        if verdict.violations:
            pytest.fail(str(shrink(verdict)), pytrace=False)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_workers_put_everything_in_order_by_themselves(batch: int) -> None:
    """Two supervised processes, events that are lost or late: the one that leads reconciles all.

    Meanwhile the Lobby adds jobs: each gets one result, in order per game.
    """
    for seed in range(SEED + batch, SEED + SUPERVISED, BATCHES):
        verdict = run_history(seed, supervised=True)
        if verdict.violations:
            pytest.fail(str(shrink(verdict)), pytrace=False)


def test_replay_is_exact() -> None:
    """The same seed gives the same history, in another process with other hashes too."""
    here = [
        str(run_history(seed, trace=True, supervised=supervised))
        for supervised in (False, True)
        for seed in range(20, 30)
    ]
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", REPLAY],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
        )

        assert there.stdout == "\n".join([*here, ""])


def test_seeds_give_different_histories() -> None:
    """Every seed draws its own plan and its own schedule."""
    traces = {"\n".join(run_history(seed, trace=True).trace) for seed in range(40)}

    assert len(traces) == 40


def test_every_kind_of_event_is_drawn() -> None:
    """Requests, cycles and every kind of fault come up."""
    drawn = {event.what for seed in range(400) for event in make_plan(seed)}

    assert drawn == {
        "request",
        "disconnect",
        "cycle",
        "hint",
        "kill",
        "shutdown",
        "stall",
        "cut",
        "lose",
        "fate",
        "stubborn",
        "ambush",
        "flush",
        "clock",
        "lease_clock",
        "numb",
        "mishap",
        "squat",
        "take_away",
        "host_restart",
        "backup",
        "restore",
        "wait",
    }


def test_many_plans_leave_no_excuse() -> None:
    """Of many histories much may be demanded: nothing fails, no engine is lost, nobody counts."""
    expected = [expect(make_plan(seed)) for seed in range(400)]

    assert sum(each.innocent for each in expected) > 100
    assert sum(each.immortal for each in expected) > 150
    assert sum(each.undisturbed for each in expected) > 100
    assert sum(each.lossless for each in expected) > 100
    assert sum(each.calm for each in expected) > 30


def test_every_kind_of_job_and_stream_fault_is_drawn() -> None:
    """Supervised histories add jobs of every kind, and strike the streams in every way."""
    plans = [make_supervised_plan(seed) for seed in range(200)]
    jobs = {event.args[0] for plan in plans for event in plan if event.what == "job"}
    fates = {event.args[1] for plan in plans for event in plan if event.what == "ambush"}
    drawn = {event.what for plan in plans for event in plan}

    assert jobs == {"start", "stop", "malformed", "unreadable", "misnamed"}
    assert fates >= {"kill", "suspend", "shutdown", "depose"}
    assert drawn >= {"flush", "redeliver", "depose", "cut", "lose"}
