"""Wrong decisions, each of which the walk must find."""
# ruff: noqa: SLF001 - a mutant changes what no caller can reach

from dataclasses import dataclass
from pathlib import Path

import pytest

from rtmanager.domain.operation import ActionName, Operation, OperationKind
from rtmanager.domain.operations import (
    reconcile_runtime,
    replacement,
    rollback,
    stop_runtime,
)
from rtmanager.domain.operations.observer import Observer
from rtmanager.domain.runtime import as_ended, as_observed
from tests.exhaustive import wrong_decisions as wrong
from tests.exhaustive.docker_model import OTHER
from tests.exhaustive.scenarios import Scenario
from tests.exhaustive.walk import Counterexample, walk_all

PAGE = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text(encoding="utf-8")
RUNNING = Scenario(OperationKind.RESTART, "running", "yes")
STOPPED = Scenario(OperationKind.RESTART, "stopped", "no")
FIRST = Scenario(OperationKind.START, None)
PATCH = Scenario(OperationKind.PATCH, "running", "healthy")
STOP = Scenario(OperationKind.STOP, "running")
CLEANUP = Scenario(OperationKind.CLEANUP_CONTAINER, "stopped")
ADOPT = Scenario(OperationKind.RECONCILE_ADOPT, None, subject=OTHER)
DISPOSE = Scenario(OperationKind.RECONCILE_DISPOSE, "running", subject=OTHER)
DISPOSE_ONLY = Scenario(OperationKind.RECONCILE_DISPOSE, "removed", subject=OTHER)
EXIT = Scenario(OperationKind.RECONCILE_OBSERVED_EXIT, "running")


@dataclass(frozen=True)
class Mutant:
    """A defect, the scenario and the faults that expose it, and the invariant that it violates."""

    label: str
    patch: wrong.Patch
    scenario: Scenario
    invariant: int
    faults: int = 1


MUTANTS = (
    Mutant(
        "the new engine starts before the old one has stopped",
        wrong.both(
            wrong.puts(replacement, "_park", wrong.without(replacement._park, ActionName.STOP)),
            wrong.puts(replacement, "_rivals", wrong.none),
        ),
        RUNNING,
        invariant=1,
        faults=0,
    ),
    Mutant(
        "an engine that somebody starts meanwhile is not stopped",
        wrong.puts(replacement, "_rivals", wrong.none),
        RUNNING,
        invariant=1,
    ),
    Mutant(
        "a container whose start is in doubt is started again",
        wrong.puts(Operation, "is_in_doubt", lambda *_: False),
        FIRST,
        invariant=5,
    ),
    Mutant(
        "a second new container whose start is in doubt is left next to the first",
        wrong.puts(replacement, "_rivals", wrong.without(replacement._rivals, ActionName.REMOVE)),
        FIRST,
        invariant=1,
        faults=3,
    ),
    Mutant(
        "the old container is removed instead of parked",
        wrong.puts(replacement, "_park", wrong.removed_instead),
        STOPPED,
        invariant=2,
        faults=0,
    ),
    Mutant(
        "the parked engine is stopped by its id",
        wrong.puts(replacement, "_park", wrong.by_id(replacement._park, ActionName.STOP)),
        RUNNING,
        invariant=8,
        faults=0,
    ),
    Mutant(
        "the old container gets its name back by its id",
        wrong.puts(rollback, "_restore", wrong.by_id(rollback._restore, ActionName.UNPARK)),
        RUNNING,
        invariant=8,
    ),
    Mutant(
        "the old engine is started again by its id",
        wrong.puts(rollback, "_restore", wrong.by_id(rollback._restore, ActionName.START)),
        RUNNING,
        invariant=8,
    ),
    Mutant(
        "the old engine gets its name back without a start",
        wrong.puts(rollback, "_restore", wrong.without(rollback._restore, ActionName.START)),
        RUNNING,
        invariant=4,
    ),
    Mutant(
        "an engine is started by the rollback although it did not run",
        wrong.puts(rollback, "_should_run", lambda _: True),
        STOPPED,
        invariant=4,
    ),
    Mutant(
        "the new container is left by the rollback",
        wrong.puts(rollback, "_clear", wrong.none),
        FIRST,
        4,
    ),
    Mutant(
        "a stop that Docker has not finished is not awaited during the rollback",
        wrong.puts(rollback, "_is_under_way", lambda *_: False),
        RUNNING,
        invariant=5,
        faults=2,
    ),
    Mutant(
        "a stop that comes late during the rollback is not corrected",
        wrong.puts(Operation, "was_sent", lambda *_: False),
        RUNNING,
        invariant=4,
        faults=2,
    ),
    Mutant(
        "the rollback is tried forever", wrong.puts(rollback, "MAX_TRIES", 1_000), RUNNING, 6, 2
    ),
    Mutant(
        "a success without a gate",
        wrong.puts(replacement, "_pass_gate", wrong.no_gate),
        FIRST,
        3,
        0,
    ),
    Mutant(
        "a failed gate is passed", wrong.puts(replacement, "_pass_gate", wrong.any_gate), PATCH, 3
    ),
    Mutant(
        "the gate of one container counts for another",
        wrong.puts(Observer, "_sorted", wrong.kept_gate),
        FIRST,
        invariant=3,
        faults=3,
    ),
    Mutant(
        "a container is forgotten when somebody takes its name away",
        wrong.puts(Observer, "_find", wrong.only_by_name),
        FIRST,
        invariant=1,
        faults=2,
    ),
    Mutant(
        "a success leaves the old container behind",
        wrong.puts(replacement, "_success", wrong.success_with(leftovers=lambda _: ())),
        STOPPED,
        invariant=3,
        faults=0,
    ),
    Mutant(
        "a success removes what its record names",
        wrong.puts(
            replacement,
            "_success",
            wrong.success_with(leftovers=lambda seen: [each.id for each in seen.ours]),
        ),
        STOPPED,
        invariant=2,
        faults=0,
    ),
    Mutant(
        "the last error is reported, not the first",
        wrong.puts(rollback, "failed", wrong.last_cause),
        FIRST,
        7,
    ),
    Mutant(
        "a failure reports the record as it was",
        wrong.puts(rollback, "failed", wrong.record_as_before),
        RUNNING,
        invariant=4,
        faults=2,
    ),
    Mutant(
        "a cleanup removes what runs",
        wrong.decides(OperationKind.CLEANUP_CONTAINER, wrong.cleaned),
        CLEANUP,
        invariant=2,
    ),
    Mutant(
        "a stop is judged by its reply",
        wrong.decides(OperationKind.STOP, wrong.stopped_by_reply),
        STOP,
        invariant=3,
    ),
    Mutant(
        "a stop observes the record's container alone",
        wrong.decides(OperationKind.STOP, wrong.stopped_the_records),
        STOP,
        invariant=3,
    ),
    Mutant(
        "a container that does not run is adopted",
        wrong.decides(OperationKind.RECONCILE_ADOPT, wrong.adopted_whatever),
        ADOPT,
        invariant=3,
    ),
    Mutant(
        "what is stale is removed while it runs",
        wrong.decides(OperationKind.RECONCILE_DISPOSE, wrong.disposed_at_once),
        DISPOSE,
        invariant=2,
    ),
    Mutant(
        "the game's only engine is stale",
        wrong.puts(reconcile_runtime, "_is_the_engine", lambda *_: False),
        DISPOSE_ONLY,
        invariant=2,
    ),
    Mutant(
        "an exit is recorded without an observation",
        wrong.decides(OperationKind.RECONCILE_OBSERVED_EXIT, wrong.exit_believed),
        EXIT,
        invariant=3,
        faults=0,
    ),
    Mutant(
        "an engine that was lost with its node is recorded as stopped",
        wrong.puts(reconcile_runtime, "as_observed", as_ended),
        EXIT,
        invariant=3,
        faults=0,
    ),
    Mutant(
        "a game whose engine was lost with its node cannot be stopped",
        wrong.puts(stop_runtime, "as_ended", as_observed),
        STOP,
        invariant=3,
        faults=0,
    ),
)


@pytest.mark.parametrize("mutant", [pytest.param(each, id=each.label) for each in MUTANTS])
def test_a_wrong_decision_is_caught(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in a decision makes the walk stop at the invariant that it violates."""
    mutant.patch(monkeypatch)

    with pytest.raises(Counterexample) as found:
        walk_all([mutant.scenario], mutant.faults)

    assert found.value.invariant == mutant.invariant, str(found.value)


def test_the_page_says_how_many_wrong_decisions_are_caught() -> None:
    """The number of mutants in docs/recovery.md is counted."""
    assert f"plants {len(MUTANTS)} wrong decisions" in PAGE
