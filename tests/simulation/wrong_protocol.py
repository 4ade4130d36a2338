"""Parts of the protocol as they must not be, each to be put in the place of the right one."""

# ruff: noqa: ARG001, SLF001 - wrong parts have the right signatures and reach into what they break

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_requests import _existing
from rtmanager.adapters.in_memory.game_lease import LeaseNumbers
from rtmanager.adapters.in_memory.operation_journal import (
    InMemoryOperationJournal,
    _completed,
    _progressed,
)
from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.operation import (
    LeaseNumber,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
    Origin,
    Outcome,
)
from rtmanager.domain.operations import patch_runtime, start_runtime
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.executor import Executor
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.observer import Observer, OperationContext
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.container_host import ContainerGone
from rtmanager.domain.ports.health_log import Baseline
from rtmanager.domain.ports.operation_journal import Begun
from rtmanager.domain.reconciliation import drift
from rtmanager.domain.reconciliation.drift import Drift, GameView
from rtmanager.domain.reconciliation.reconcile_runtimes import ReconcileRuntimes, Reconciliation
from rtmanager.domain.reconciliation.record_docker_event import RecordDockerEvent
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.simulation.process import Process
from tests.simulation.process_parts import PROCESS

_host = Process._host
_reconcile = ReconcileRuntimes.run
_begin = InMemoryOperationJournal.begin
_hand_over = InMemoryOperationJournal.hand_over
_look, _on_host = Observer.observe, Executor._on_host
_find_drift, _stale = drift.find_drift, drift._stale


async def do_nothing(*_: object) -> None:
    """Leave undone what should be done."""


def check_nothing(*_: object) -> None:
    """Let everything pass."""


def always(*_: object) -> bool:
    """Let it be due at every time."""
    return True


def as_it_is(operation: Operation) -> Operation:
    """Take an operation over as if what is in flight had never been sent."""
    return replace(operation, steps=tuple(each for each in operation.steps if each.result))


# What the store must refuse.


def accept_any_holder(
    self: InMemoryOperationJournal, operation: Operation, lease: LeaseNumber
) -> Operation:
    """Let anyone write an operation, whoever holds it by now."""
    return self.store.operations[operation.id]


async def save_for_anyone(
    self: InMemoryOperationJournal, operation: Operation, *, lease: LeaseNumber
) -> None:
    """Write an operation's progress, whoever holds it by now, unless it is finished."""
    stored = self.store.operations[operation.id]
    if stored.outcome is None:
        self.store.operations[stored.id] = _progressed(stored, operation)


def never_finished_before(*_: object) -> bool:
    """Take no finish for a repetition."""
    return False


async def begin_beside_another(
    self: InMemoryOperationJournal, request: Any, admit: Any, *, lease: Any, at: Any
) -> Begun:
    """Begin although another operation is open."""
    return await _begin(_Blind(self.store), request, admit, lease=lease, at=at)


class _Blind(InMemoryOperationJournal):
    """A journal that does not see what is open."""

    def _open(self, _: Any) -> None:
        return None


async def finish_in_two_transactions(
    self: Any, operation: Any, completion: Completion, messages: Any, *, lease: Any
) -> None:
    """Write the record, and the row some time later."""
    stored = self._demand_holder(operation, lease)
    before = self.store.runtime_records.get(operation.game_id)
    if completion.record and completion.record != before:
        self.store.runtime_records[operation.game_id] = completion.record
    await PROCESS.get().park("store.finish")
    self.store.operations[stored.id] = _completed(stored, completion, before)
    self.store.outbox_table.insert(messages, at=completion.at)


async def hand_over_what_was_begun(self: Any, operation: Operation, *, lease: Any) -> None:
    """Hand an operation over and forget what was done for it."""
    await _hand_over(self, replace(operation, steps=()), lease=lease)


# Leases.


async def release_anyones(self: Any, game_id: Any, grant: Any) -> None:
    """Delete the lease without a compare."""
    if game_id in self.grants:
        del self.grants[game_id]


def draw_by_the_clock(self: LeaseNumbers, now: datetime, *, above: Any) -> LeaseNumber:
    """Draw a number by the clock alone, though it may step back."""
    self.last = LeaseNumber(int((now + self.clock_is_off_by).timestamp() * 1_000_000))
    return self.last


async def resume_without_the_lease(self: Operations, game_id: Any) -> None:
    """Carry an open operation on beside whoever is at it."""
    numbers = cast("Any", self.leases).connection.numbers
    number = numbers.draw(self.clock.now(), above=0)
    lease = SimpleNamespace(number=number, check=check_nothing)
    await self._take_over(cast("Any", lease), game_id)


# The interpreter.


async def act_before_writing(self: Any, context: Any) -> None:
    """Send without having written down what is sent."""


def fail_by_the_record(operation: Operation, seen: Observation) -> Completion:
    """Put nothing back, and say that all is as the record says."""
    return Completion(
        outcome=Outcome.FAILURE, at=seen.at, cause=operation.cause, record=seen.record
    )


# What is seen.


async def believe_the_record(self: Any, record: RuntimeRecord | None) -> Current:
    """Take the record's word for it that the engine runs."""
    if record is None or record.current_container_id is None:
        return Current()
    engine = SimpleNamespace(id=record.current_container_id, is_running=True, address=None)
    return Current(cast("ContainerDetails", engine))


def host_without_unknown(process: Process) -> Any:
    """Take a Docker that does not answer for one that has no such container."""
    return _HostWithoutUnknown(_host(process))


class _HostWithoutUnknown:
    """A host of whose faults only the effects are seen."""

    def __init__(self, host: InMemoryContainerHost) -> None:
        self._right = host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._right, name)

    async def inspect(self, container_id: Any) -> Any:
        try:
            return await self._right.inspect(container_id)
        except DockerUnavailable:
            return None


async def remove_by_force(self: InMemoryContainerHost, container_id: Any) -> None:
    """Remove a container whether it runs or not."""
    try:
        found = _existing(self._reach(), container_id)
    except ContainerGone:
        return
    self.docker.vanish(found.id)


def own_all(self: Any, container: Any, *, record: Any, operation: Any) -> bool:
    """Take every Runtime Manager's containers for ours."""
    return bool(container.has_our_labels)


async def see_every_game_to_clean_up(self: Observer, context: OperationContext) -> Observation:
    """Take the containers of all games for those of the one that is cleaned up."""
    seen = await _look(self, context)
    if context.operation.kind is not OperationKind.CLEANUP_CONTAINER:
        return seen
    every = [await self.host.inspect(each.id) for each in await self.host.list_containers()]
    known = {each.id for each in seen.ours}
    others = [each for each in every if each and not each.is_running and each.id not in known]
    return replace(seen, others=[*seen.others, *others])


# What is asked for.


def rule_that_replays_nothing(request: OperationRequest, ledger: Any, current: Current) -> bool:
    """Start a game once more that runs already."""
    start_runtime.rule(request, ledger, current)
    return False


def patch_that_replays_nothing(request: OperationRequest, ledger: Any, current: Current) -> bool:
    """Patch a game once more that runs the image already."""
    patch_runtime.rule(request, ledger, current)
    return False


async def find_what_ran_before(self: Executor, context: OperationContext) -> Any:
    """Run the image that ran before, whatever is asked for."""
    if context.record is not None and context.record.image_id:
        return await self.host.image(context.record.image_id)
    return await _on_host(self, context)


# Reconciliation.


async def reconcile_by_the_survey(self: ReconcileRuntimes) -> Reconciliation:
    """Reconcile what the survey showed, without another look under the lease."""
    _, drifts = await self.survey()
    for each in drifts:
        if each.kind is drift.DriftKind.OPEN_OPERATION:
            continue
        async with self.operations.leases.hold(each.game_id, wait=5.0) as lease:
            await self.reconcile_game._meet(lease, each, "survey")
    return await _reconcile(self)


async def believe_the_event(self: RecordDockerEvent, event: Any) -> str:
    """Write down what the event says, of whichever container it was."""
    request = OperationRequest(
        game_id=event.game_id,
        kind=OperationKind.RECONCILE_OBSERVED_EXIT,
        origin=Origin(OpSource.AUTO_RECONCILE, "event"),
    )
    operations = self.reconcile.operations
    async with operations.leases.hold(event.game_id, wait=self.lease_wait) as lease:
        await operations.run_under(lease, request)
    return ""


def spare_nothing(view: GameView, *, now: Any, grace: float) -> Sequence[Drift]:
    """Take a container that was created just now for a stale one."""
    return _find_drift(view, now=now, grace=-1.0)


def overlook_the_parked(view: GameView, keep: Any, spared_since: Any) -> Iterator[Drift]:
    """See no parked container."""
    parked = {each.id for each in view.containers if "-parked-" in each.name}
    every = _stale(view, keep, spared_since)
    return (each for each in every if each.container_id not in parked)


def take_the_stopped_for_stale(view: GameView, keep: Any, spared_since: Any) -> Iterator[Drift]:
    """Take a stopped game's container for one that belongs to nobody."""
    is_stopped = view.record is not None and view.record.status is RuntimeStatus.STOPPED
    return _stale(view, None if is_stopped else keep, spared_since)


def forget_what_was_told(baselines: Any, game_id: Any, container_id: Any, watch: Any) -> Baseline:
    """Watch every engine as if nothing had been told of it."""
    return Baseline(game_id=game_id, container_id=container_id, watch=watch)
