"""Defects, each of which the walk must catch: it is only worth what it can find."""
# ruff: noqa: SLF001 - a mutant changes what no caller can reach

from dataclasses import dataclass

from rtmanager.domain.operation import ActionName, Operation, OperationKind
from rtmanager.domain.operations import dispose_container, replacement, rollback
from rtmanager.domain.operations.observer import Observer
from tests.exhaustive import wrong_decisions as wrong
from tests.exhaustive.setting import Setting
from tests.exhaustive.world import OTHER

RUNNING = Setting(OperationKind.RESTART, "running", "yes")
STOPPED = Setting(OperationKind.RESTART, "stopped", "no")
FIRST = Setting(OperationKind.START, None)
PATCH = Setting(OperationKind.PATCH, "running", "healthy")
STOP = Setting(OperationKind.STOP, "running")
CLEANUP = Setting(OperationKind.CLEANUP_CONTAINER, "stopped")
ADOPT = Setting(OperationKind.RECONCILE_ADOPT, None, subject=OTHER)
DISPOSE = Setting(OperationKind.RECONCILE_DISPOSE, "running", subject=OTHER)
DISPOSE_ONLY = Setting(OperationKind.RECONCILE_DISPOSE, "removed", subject=OTHER)
EXIT = Setting(OperationKind.RECONCILE_OBSERVED_EXIT, "running")


@dataclass(frozen=True)
class Mutant:
    """A defect, the setting and the mishaps that suffice to show it, and the check that does."""

    words: str
    patch: wrong.Patch
    setting: Setting
    check: int
    mishaps: int = 1


MUTANTS = (
    Mutant(
        "the new engine starts before the old one has stopped",
        wrong.both(
            wrong.puts(replacement, "_park", wrong.without(replacement._park, ActionName.STOP)),
            wrong.puts(replacement, "_rivals", wrong.none),
        ),
        RUNNING,
        check=1,
        mishaps=0,
    ),
    Mutant(
        "an engine that somebody starts meanwhile is not stopped",
        wrong.puts(replacement, "_rivals", wrong.none),
        RUNNING,
        check=1,
    ),
    Mutant(
        "a container whose start is in doubt is started again",
        wrong.puts(Operation, "is_in_doubt", lambda *_: False),
        FIRST,
        check=5,
    ),
    Mutant(
        "a second new container whose start is in doubt is left beside the first",
        wrong.puts(replacement, "_rivals", wrong.without(replacement._rivals, ActionName.REMOVE)),
        FIRST,
        check=1,
        mishaps=3,
    ),
    Mutant(
        "the old container is removed instead of parked",
        wrong.puts(replacement, "_park", wrong.removed_instead),
        STOPPED,
        check=2,
        mishaps=0,
    ),
    Mutant(
        "the parked engine is stopped by its id",
        wrong.puts(replacement, "_park", wrong.by_id(replacement._park, ActionName.STOP)),
        RUNNING,
        check=8,
        mishaps=0,
    ),
    Mutant(
        "the old container gets its name back by its id",
        wrong.puts(rollback, "_bring_back", wrong.by_id(rollback._bring_back, ActionName.UNPARK)),
        RUNNING,
        check=8,
    ),
    Mutant(
        "the old engine is started again by its id",
        wrong.puts(rollback, "_bring_back", wrong.by_id(rollback._bring_back, ActionName.START)),
        RUNNING,
        check=8,
    ),
    Mutant(
        "the old engine gets its name back without a start",
        wrong.puts(rollback, "_bring_back", wrong.without(rollback._bring_back, ActionName.START)),
        RUNNING,
        check=4,
    ),
    Mutant(
        "an engine is started on the way back although it did not run",
        wrong.puts(rollback, "_should_run", lambda _: True),
        STOPPED,
        check=4,
    ),
    Mutant(
        "the new container is left on the way back",
        wrong.puts(rollback, "_clear", wrong.none),
        FIRST,
        4,
    ),
    Mutant(
        "a stop that Docker is still at is not waited for on the way back",
        wrong.puts(rollback, "_is_under_way", lambda *_: False),
        RUNNING,
        check=5,
        mishaps=2,
    ),
    Mutant(
        "a stop that comes late on the way back is not made good",
        wrong.puts(Operation, "was_sent", lambda *_: False),
        RUNNING,
        check=4,
        mishaps=2,
    ),
    Mutant(
        "the way back is tried for ever", wrong.puts(rollback, "MOST_TRIES", 1_000), RUNNING, 6, 2
    ),
    Mutant(
        "a success without a gate",
        wrong.puts(replacement, "_pass_gate", wrong.no_gate),
        FIRST,
        3,
        0,
    ),
    Mutant(
        "a failed gate is let in", wrong.puts(replacement, "_pass_gate", wrong.any_gate), PATCH, 3
    ),
    Mutant(
        "the gate of one container counts for another",
        wrong.puts(Observer, "_sorted", wrong.kept_gate),
        FIRST,
        check=3,
        mishaps=3,
    ),
    Mutant(
        "a container is forgotten when somebody takes its name away",
        wrong.puts(Observer, "_find", wrong.only_by_name),
        FIRST,
        check=1,
        mishaps=2,
    ),
    Mutant(
        "a success leaves the old container behind",
        wrong.puts(replacement, "_success", wrong.success_with(leftovers=lambda _: ())),
        STOPPED,
        check=3,
        mishaps=0,
    ),
    Mutant(
        "a success removes what its record names",
        wrong.puts(
            replacement,
            "_success",
            wrong.success_with(leftovers=lambda seen: [each.id for each in seen.ours]),
        ),
        STOPPED,
        check=2,
        mishaps=0,
    ),
    Mutant(
        "the last error is told, not the first",
        wrong.puts(rollback, "failed", wrong.last_cause),
        FIRST,
        7,
    ),
    Mutant(
        "a failure tells the record as it was",
        wrong.puts(rollback, "failed", wrong.record_as_before),
        RUNNING,
        check=4,
        mishaps=2,
    ),
    Mutant(
        "a cleanup removes what runs",
        wrong.decides(OperationKind.CLEANUP_CONTAINER, wrong.cleaned),
        CLEANUP,
        check=2,
    ),
    Mutant(
        "a stop is judged by its reply",
        wrong.decides(OperationKind.STOP, wrong.stopped_by_reply),
        STOP,
        check=3,
    ),
    Mutant(
        "a stop looks at the record's container alone",
        wrong.decides(OperationKind.STOP, wrong.stopped_the_records),
        STOP,
        check=3,
    ),
    Mutant(
        "something that does not run is adopted",
        wrong.decides(OperationKind.RECONCILE_ADOPT, wrong.adopted_whatever),
        ADOPT,
        check=3,
    ),
    Mutant(
        "what is superfluous is removed while it runs",
        wrong.decides(OperationKind.RECONCILE_DISPOSE, wrong.disposed_at_once),
        DISPOSE,
        check=2,
    ),
    Mutant(
        "the game's only engine is superfluous",
        wrong.puts(dispose_container, "_is_the_engine", lambda *_: False),
        DISPOSE_ONLY,
        check=2,
    ),
    Mutant(
        "an exit is believed without a look",
        wrong.decides(OperationKind.RECONCILE_OBSERVED_EXIT, wrong.exit_believed),
        EXIT,
        check=3,
        mishaps=0,
    ),
)
