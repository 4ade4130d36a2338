"""The service with one defect at a time; an invariant must notice each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rtmanager.adapters.in_memory import swarm_api
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.game_lease import LeaseConnection, LeaseNumbers
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.adapters.in_memory.outbox import OutboxTable
from rtmanager.adapters.in_memory.streams import InMemoryMessagePublisher
from rtmanager.adapters.swarm.service_json import ServiceView
from rtmanager.adapters.swarm.stops import Stops
from rtmanager.adapters.swarm.task_json import Task
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.installation import Installation
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.monitoring import running_engines
from rtmanager.domain.nodes import drain_nodes
from rtmanager.domain.nodes.fence_nodes import FenceNodes
from rtmanager.domain.nodes.mark_nodes import MarkNodes
from rtmanager.domain.operation import Operation, OperationKind
from rtmanager.domain.operations import (
    admission,
    interpreter,
    kinds,
    replacement,
    rollback,
)
from rtmanager.domain.operations.admission import RuleCheck
from rtmanager.domain.operations.decision import Rule
from rtmanager.domain.operations.executor import Executor
from rtmanager.domain.operations.interpreter import Interpreter
from rtmanager.domain.operations.observer import Observer
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.reconciliation import (
    drift,
    reconcile_game,
    survey_games,
)
from rtmanager.domain.reconciliation.backoff import Backoff
from rtmanager.domain.reconciliation.check_host import CheckHost
from rtmanager.domain.reconciliation.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.reconciliation.record_docker_event import RecordDockerEvent
from rtmanager.workers.jobs import JobConsumer
from tests.simulation import wrong_decisions as deciding
from tests.simulation import wrong_nodes as lost_nodes
from tests.simulation import wrong_protocol as wrong
from tests.simulation import wrong_streams as streaming
from tests.simulation.events import Kind
from tests.simulation.exposing_themes import SOONEST
from tests.simulation.history import HistoryResult, run_history
from tests.simulation.node_plans import NODE_THEMES, make_node_plan
from tests.simulation.plan import THEMES, make_plan
from tests.simulation.process import Process

Patch = tuple[object, str, object]


@dataclass(frozen=True)
class Mutant:
    """A defect, and the parts that replace the right ones."""

    name: str
    patches: tuple[Patch, ...]
    kind: Kind = Kind.PLAIN

    def run(self, seed: int) -> HistoryResult:
        """Run the history of this seed, with the faults that expose the mutant soonest."""
        make = {Kind.PLAIN: make_plan, Kind.SWARM: make_node_plan}.get(self.kind)
        themes = SOONEST.get(self.name, NODE_THEMES if self.kind is Kind.SWARM else THEMES)
        return run_history(seed, make and make(seed, themes), kind=self.kind)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Install the mutant for the block."""
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


def _streaming(name: str, *patches: Patch) -> Mutant:
    """Return a mutant of jobs or messages, which only full histories can expose."""
    return Mutant(name, patches, Kind.FULL)


def _on_swarm(name: str, owner: object, attribute: str, part: object, *more: Patch) -> Mutant:
    """Return a mutant that only histories on a Swarm can expose."""
    return Mutant(name, ((owner, attribute, part), *more), Kind.SWARM)


def _ruled(name: str, kind: OperationKind, rule: Rule) -> Mutant:
    """Return a mutant with one kind whose rule is wrong."""
    table = {**kinds.KINDS, kind: replace(kinds.KINDS[kind], rule=rule)}
    return _mutant(name, admission, "KINDS", table)


def _decided(name: str, kind: OperationKind, decide: kinds.Decide, *more: Patch) -> Mutant:
    """Return a mutant with one kind whose decision is wrong."""
    table = {**kinds.KINDS, kind: replace(kinds.KINDS[kind], decide=decide)}
    return _mutant(name, kinds, "KINDS", table, *more)


_JOURNAL = InMemoryOperationJournal

IN_THE_STORE = (
    _mutant("no holder check in save", _JOURNAL, "save", wrong.save_for_anyone),
    _mutant(
        "no holder check in finish",
        _JOURNAL,
        "_demand_holder",
        wrong.accept_any_holder,
        (_JOURNAL, "_finished_before", wrong.never_finished_before),
    ),
    _mutant("no lease number check in begin", _JOURNAL, "_demand_latest", wrong.check_nothing),
    _mutant("begin despite an open operation", _JOURNAL, "begin", wrong.begin_beside_another),
    _mutant("outcome in two parts", _JOURNAL, "finish", wrong.finish_in_two_transactions),
    _mutant("handed over without its steps", _JOURNAL, "hand_over", wrong.hand_over_what_was_begun),
    _mutant("fences repeated after a restore", CheckHost, "_raise_fences", wrong.do_nothing),
)
WITH_LEASES = (
    _mutant("release of another's", LeaseConnection, "release", wrong.release_anyones),
    _mutant("numbers by the clock alone", LeaseNumbers, "draw", wrong.draw_by_the_clock),
    _mutant("resumed without the lease", Operations, "_resume", wrong.resume_without_the_lease),
    _mutant("not handed over at shutdown", Interpreter, "_hand_over", wrong.do_nothing),
)
IN_THE_INTERPRETER = (
    _mutant("nothing written ahead", Interpreter, "_write_ahead", wrong.act_before_writing),
    _mutant("what is in flight forgotten", Operation, "taken_over", wrong.as_it_is),
    _mutant("refusal is unknown", interpreter, "_UNKNOWN", (RuntimeManagerError,)),
    _mutant("unknown is a refusal", interpreter, "_UNKNOWN", ()),
    _mutant("one lost process rolls it back", kinds, "MAX_LOST", 1),
    _mutant("replay without observing", Observer, "current", wrong.believe_the_record),
    _mutant("unknown is gone", Process, "_host", wrong.host_without_unknown),
    _mutant("ownership without installation", Installation, "owns", wrong.own_all),
)
IN_THE_DECISIONS = (
    _mutant("outcome without observing", replacement, "roll_back", wrong.fail_by_the_record),
    _mutant("removed, not parked", replacement, "_park", deciding.remove_the_predecessor),
    _mutant(
        "started while the old one runs",
        replacement,
        "_park",
        deciding.park_without_a_stop,
        (replacement, "_rivals", deciding.no_rivals),
    ),
    _mutant("stopped by id", replacement, "_park", deciding.stop_before_parking),
    _mutant("rivals overlooked", replacement, "_rivals", deciding.no_rivals),
    _mutant("start in doubt sent again", Operation, "is_in_doubt", deciding.start_in_doubt_again),
    _mutant("gate not watched again", replacement, "_pass_gate", deciding.pass_the_gate_once_sent),
    _mutant("rollback does not unpark", rollback, "_restore", deciding.bring_back_parked),
    _mutant("brought back by id", rollback, "_restore", deciding.bring_back_by_id),
    _mutant("brought back too early", rollback, "_restore", deciding.bring_back_too_early),
    _decided(
        "cleaned up by force",
        OperationKind.CLEANUP_CONTAINER,
        deciding.remove_though_it_runs,
        (InMemoryContainerHost, "remove", wrong.remove_by_force),
    ),
)
IN_RECONCILIATION = (
    _decided(
        "adopted without observing again",
        OperationKind.RECONCILE_ADOPT,
        deciding.adopt_anything,
        (ReconcileRuntimes, "run", wrong.reconcile_by_the_survey),
    ),
    _decided(
        "event believed",
        OperationKind.RECONCILE_OBSERVED_EXIT,
        deciding.exit_not_observed,
        (RecordDockerEvent, "run", wrong.believe_the_event),
    ),
    _mutant(
        "no grace",
        reconcile_game,
        "find_drift",
        wrong.spare_nothing,
        (survey_games, "find_drift", wrong.spare_nothing),
    ),
    _mutant(
        "leftovers stay unnoticed",
        Interpreter,
        "_remove_leftover",
        wrong.do_nothing,
        (drift, "_stale", wrong.overlook_the_parked),
    ),
    _mutant("no back-off", Backoff, "is_due", wrong.always),
    _mutant("baselines forgotten", running_engines, "_baseline", wrong.forget_what_was_reported),
)
GROSS = (
    _decided(
        "stopped games' containers removed",
        OperationKind.RECONCILE_DISPOSE,
        deciding.dispose_of_whatever_it_is,
        (drift, "_stale", wrong.take_the_stopped_for_stale),
    ),
    _mutant("patch that runs the old image", Executor, "_on_host", wrong.find_what_ran_before),
    _mutant("cleanup of every game", Observer, "observe", wrong.observe_every_game_to_clean_up),
    _mutant("any image allowed", RuleCheck, "_check_image", wrong.check_nothing),
    _ruled("start that is never a replay", OperationKind.START, wrong.rule_that_replays_nothing),
    _ruled("patch that is never a replay", OperationKind.PATCH, wrong.patch_that_replays_nothing),
)
MUTANTS = (
    *(*IN_THE_STORE, *WITH_LEASES, *IN_THE_INTERPRETER),
    *(*IN_THE_DECISIONS, *IN_RECONCILIATION, *GROSS),
)
ON_SWARMS = (
    _on_swarm("down is dead", ServiceView, "_is_lost", lost_nodes.lost_when_down),
    _on_swarm("off for ever", ServiceView, "_is_lost", lost_nodes.lost_once_off),
    _on_swarm("version ignored", swarm_api, "_check_version", lost_nodes.any_version),
    _on_swarm("fence answer forgotten", FenceNodes, "_ask", lost_nodes.mark_whatever_is_answered),
    _on_swarm("told to end is ended", ServiceView, "alive", lost_nodes.alive_while_wanted),
    _on_swarm("rejected is ended", Task, "is_given_up", lost_nodes.never_given_up),
    _on_swarm(
        "off though up",
        ServiceView,
        "_is_lost",
        lost_nodes.lost_once_vouched_for,
        (MarkNodes, "_mark_as_off", lost_nodes.mark_what_is_not_down),
    ),
    _on_swarm(
        "stopped where nobody sees it", ServiceView, "_may_live", lost_nodes.ended_when_unseen
    ),
    _on_swarm("removed without a mark", Stops, "remove", lost_nodes.remove_without_a_mark),
    _on_swarm("drained although stopped", drain_nodes, "runs_in", lost_nodes.runs_by_any_record),
    _on_swarm("fence answer too late", FenceNodes, "_ask", lost_nodes.mark_by_an_old_answer),
    _on_swarm("lost is exited", drift, "_lost_with_node", lost_nodes.exit_of_lost),
)
STREAM_MUTANTS = (
    _streaming(
        "acknowledged before the outcome", (HandleJob, "_execute", streaming.acknowledge_first)
    ),
    _streaming(
        "acknowledged with the first of them", (HandleJob, "run", streaming.acknowledge_all)
    ),
    _streaming(
        "decided despite the work before",
        (InMemoryOperationJournal, "_decide", streaming.decide_despite_work),
    ),
    _streaming(
        "published and marked apart",
        (InMemoryMessagePublisher, "publish", streaming.publish_and_mark_apart),
    ),
    _streaming(
        "result from memory",
        (HandleJob, "_execute", streaming.result_from_memory),
        (interpreter, "announcements", streaming.announce_without_result),
        (admission, "announcements", streaming.announce_without_result),
    ),
    _streaming("relay without its lock", (OutboxTable, "borrow", streaming.lend_to_anyone)),
    _streaming(
        "relay without its fence", (InMemoryMessagePublisher, "publish", streaming.publish_stale)
    ),
    _streaming("jobs of a game at once", (JobConsumer, "_take", streaming.take_each_by_itself)),
    _streaming(
        "job run again",
        (InMemoryOperationJournal, "_is_recorded", streaming.know_no_job),
    ),
)
