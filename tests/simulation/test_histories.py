"""Thousands of histories, none of which may violate an invariant."""

import os
import subprocess
import sys

import pytest

from tests.simulation.events import Kind, expect
from tests.simulation.history import run_history, shrink
from tests.simulation.minima import MINIMA, shortfalls
from tests.simulation.node_plans import make_node_plan
from tests.simulation.plan import make_plan
from tests.simulation.stream_plan import make_full_plan
from tests.simulation.tally import FaultCounts

HISTORIES = int(os.environ.get("SIMULATION_HISTORIES", "400"))
FULL = HISTORIES // 5
ON_SWARMS = HISTORIES // 5
FULL_ON_SWARMS = HISTORIES // 40
SEED = int(os.environ.get("SIMULATION_SEED", "101"))

REPLAY = """
import logging
from tests.simulation.events import Kind
from tests.simulation.history import run_history
logging.disable(logging.CRITICAL)
for kind in Kind:
    for seed in range(20, 30):
        print(run_history(seed, trace=True, kind=kind))
"""


def test_no_history_violates_an_invariant() -> None:
    """However calls are interleaved, lost, cut off or late: record, log and Docker agree."""
    counts = _run_all(HISTORIES, Kind.PLAIN)

    assert shortfalls(counts, HISTORIES, Kind.PLAIN) == []


def test_workers_put_everything_in_order_by_themselves() -> None:
    """In full histories with lost and late events, the workers alone reconcile everything.

    Meanwhile the Lobby adds jobs: each gets one result, in order per game.
    """
    counts = _run_all(FULL, Kind.FULL)

    assert shortfalls(counts, FULL, Kind.FULL) == []


def test_no_history_on_a_swarm_violates_an_invariant() -> None:
    """Nodes are lost, cut off and drained: never can two engines write the state of one game."""
    counts = _run_all(ON_SWARMS, Kind.SWARM)

    assert shortfalls(counts, ON_SWARMS, Kind.SWARM) == []


def test_workers_put_everything_in_order_on_a_swarm() -> None:
    """No event of a Swarm comes; the workers alone notice lost nodes, and move what was on them."""
    counts = _run_all(FULL_ON_SWARMS, Kind.FULL_SWARM)

    assert shortfalls(counts, FULL_ON_SWARMS, Kind.FULL_SWARM) == []


def _run_all(histories: int, kind: Kind) -> FaultCounts:
    """Run so many histories, none of which may violate an invariant; count the faults."""
    counts = FaultCounts()
    for seed in range(SEED, SEED + histories):
        result = run_history(seed, kind=kind)
        if result.violations:
            pytest.fail(str(shrink(result)), pytrace=False)
        counts.update(result.faults)
    return counts


def test_replay_is_exact() -> None:
    """The same seed gives the same history, in another process with other hashes too."""
    here = [
        str(run_history(seed, trace=True, kind=kind)) for kind in Kind for seed in range(20, 30)
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
        "refuse_all",
        "at_call",
        "in_situation",
        "flush",
        "clock",
        "lease_clock",
        "no_descriptors",
        "interfere",
        "foreign_container",
        "take_away",
        "host_restart",
        "backup",
        "restore",
        "wait",
    }


def test_every_fault_of_nodes_is_drawn() -> None:
    """Nodes lose power, link and daemon, are vouched for and drained; managers lose a leader."""
    plans = [make_node_plan(seed) for seed in range(400)]
    drawn = {text for plan in plans for event in plan for text in (event.what, *event.args)}

    assert drawn >= {"node_down", "power", "link", "daemon", "power_cut", "word", "drain"}
    assert drawn >= {"leaderless", "misled", "give_up", "nodes", "late", "lose_reply", "kill"}
    assert drawn >= {"stall", "cut"}


def test_many_plans_allow_strict_expectations() -> None:
    """In many histories much can be expected: nothing fails, and no engine or process is lost."""
    expected = [expect(make_plan(seed)) for seed in range(400)]

    assert sum(each.innocent for each in expected) > 100
    assert sum(each.immortal for each in expected) > 150
    assert sum(each.undisturbed for each in expected) > 100
    assert sum(each.lossless for each in expected) > 100
    assert sum(each.calm for each in expected) > 30


def test_every_kind_of_job_and_stream_fault_is_drawn() -> None:
    """Full histories add jobs of every kind, with every fault of the streams."""
    plans = [make_full_plan(seed) for seed in range(200)]
    jobs = {event.args[0] for plan in plans for event in plan if event.what == "job"}
    fates = {event.args[1] for plan in plans for event in plan if event.what == "at_call"}
    drawn = {event.what for plan in plans for event in plan}

    assert jobs == {"start", "stop", "malformed", "unreadable", "misnamed"}
    assert fates >= {"kill", "suspend", "shutdown", "depose"}
    assert drawn >= {"flush", "redeliver", "depose", "cut", "lose"}


def test_faults_that_are_too_rare_are_reported() -> None:
    """Faults that hit nothing count towards no minimum; a few histories require none."""
    counts = FaultCounts({("killed", "no operation"): 9000, ("killed", "an operation"): 79})
    asked = [each for each in MINIMA if each.plain]

    assert len(shortfalls(counts, 1000, Kind.PLAIN)) == len(asked)
    assert shortfalls(counts, 1000, Kind.PLAIN)[0].endswith("an operation: 79, not 80")
    assert shortfalls(counts, 1, Kind.PLAIN) == []
