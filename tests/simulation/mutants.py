"""The protocol with one thing wrong at a time; an invariant must notice each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rtmanager.adapters.in_memory.container_engine import InMemoryContainerEngine
from rtmanager.adapters.in_memory.game_lease import InMemoryGameLease, InMemoryGameLeases
from rtmanager.adapters.in_memory.store import InMemoryOperationJournal
from rtmanager.domain.lifecycle import carry_out, settle_operation
from rtmanager.domain.lifecycle.carry_out import CarryOut
from rtmanager.domain.lifecycle.container_actions import ContainerActions
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol
from rtmanager.domain.lifecycle.recovery import Recovery
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.supervision import drift, heal_game, reconcile_runtimes, running_engines
from rtmanager.domain.supervision.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.supervision.record_docker_event import RecordDockerEvent
from tests.simulation import wrong_protocol as wrong

Patch = tuple[object, str, object]


@dataclass(frozen=True)
class Mutant:
    """What is wrong, and the parts that are put in the place of the right ones."""

    name: str
    patches: tuple[Patch, ...]
    supervised: bool = False

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Let the mutant live for the block."""
        right = [(owner, name, getattr(owner, name)) for owner, name, _ in self.patches]
        try:
            for owner, name, part in self.patches:
                setattr(owner, name, part)
            yield
        finally:
            for owner, name, part in right:
                setattr(owner, name, part)


def _mutant(name: str, owner: object, attribute: str, part: object, *more: Patch) -> Mutant:
    return Mutant(name, ((owner, attribute, part), *more))


_JOURNAL = InMemoryOperationJournal

MUTANTS = (
    _mutant("no fence check in finish", _JOURNAL, "_demand_open", wrong.accept_any_finish),
    _mutant("begin beside an open operation", _JOURNAL, "_begin", wrong.begin_beside_another),
    _mutant("outcome in two parts", _JOURNAL, "finish", wrong.finish_in_two_transactions),
    _mutant("intent after effect", OperationProtocol, "run_under", wrong.effect_before_intent),
    _mutant("outcome without a look", CarryOut, "_undone", wrong.fail_without_a_look),
    _mutant("release of another's", InMemoryGameLeases, "_release", wrong.release_anyones),
    _mutant("lease never checked", InMemoryGameLease, "check", wrong.check_nothing),
    _mutant(
        "adopted without a second look",
        ReconcileRuntimes,
        "run",
        wrong.reconcile_by_the_survey,
        (heal_game.HealGame, "_adopt", wrong.adopt_unseen),
    ),
    _mutant("removed, not parked", ReplaceContainer, "_park", wrong.remove_the_predecessor),
    _mutant("started beside the old one", ReplaceContainer, "_park", wrong.park_without_a_stop),
    _mutant("undo does not unpark", Recovery, "_bring_back", wrong.revive_under_any_name),
    _mutant("brought back by id", Recovery, "_bring_back", wrong.bring_back_by_id),
    _mutant("replay without a look", OperationProtocol, "_look", wrong.see_without_looking),
    _mutant("unknown is gone", InMemoryContainerEngine, "inspect", wrong.unknown_is_gone),
    _mutant("settled by the record", Recovery, "undo", wrong.settle_by_the_record),
    _mutant(
        "lost reply believed", ContainerActions, "_stopped_after_all", wrong.believe_the_lost_stop
    ),
    _mutant("event believed", RecordDockerEvent, "run", wrong.believe_the_event),
    _mutant(
        "no grace",
        heal_game,
        "find_drift",
        wrong.spare_nothing,
        (reconcile_runtimes, "find_drift", wrong.spare_nothing),
    ),
    _mutant(
        "leftovers stay and are not seen",
        carry_out,
        "remove_leftovers",
        wrong.do_nothing,
        (settle_operation, "remove_leftovers", wrong.do_nothing),
        (drift, "_stale", wrong.overlook_the_parked),
    ),
    _mutant("baselines forgotten", running_engines, "_baseline", wrong.forget_what_was_told),
)
