"""Wrong parts of the protocol, each of which replaces the right one in a mutant."""

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
from rtmanager.domain.ports.container_host import ContainerGone, ContainerHost
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
_observe, _on_host = Observer.observe, Executor._on_host
_find_drift, _stale = drift.find_drift, drift._stale


async def do_nothing(*_: object) -> None:
    """Skip what should be done."""


def check_nothing(*_: object) -> None:
    """Accept everything."""


def always(*_: object) -> bool:
    """Say that it is always due."""
    return True


def as_it_is(operation: Operation) -> Operation:
    """Take over an operation as if the action in flight had never been sent."""
    return replace(operation, steps=tuple(each for each in operation.steps if each.result))


# Writes that the store must refuse.


def accept_any_holder(
    self: InMemoryOperationJournal, operation: Operation, lease: LeaseNumber
) -> Operation:
    """Let anyone write an operation, no matter who holds it by now."""
    return self.store.operations[operation.id]


async def save_for_anyone(
    self: InMemoryOperationJournal, operation: Operation, *, lease: LeaseNumber
) -> None:
    """Write an operation's progress, no matter who holds it by now, unless it is finished."""
    stored = self.store.operations[operation.id]
    if stored.outcome is None:
        self.store.operations[stored.id] = _progressed(stored, operation)


def never_finished_before(*_: object) -> bool:
    """Treat no finish as a repetition."""
    return False


async def begin_beside_another(
    self: InMemoryOperationJournal, applicants: Any, *, lease: Any, at: Any
) -> Sequence[Begun | None]:
    """Begin although another operation is open."""
    return await _begin(_Blind(self.store), applicants, lease=lease, at=at)


class _Blind(InMemoryOperationJournal):
    """A journal that overlooks open operations."""

    def _open(self, _: Any) -> None:
        return None


async def finish_in_two_transactions(
    self: Any, operation: Any, completion: Completion, messages: Any, *, lease: Any
) -> None:
    """Write the record first, and the row some time later."""
    stored = self._demand_holder(operation, lease)
    before = self.store.runtime_records.get(operation.game_id)
    if completion.record and completion.record != before:
        self.store.runtime_records[operation.game_id] = completion.record
    await PROCESS.get().park("store.finish")
    self.store.operations[stored.id] = _completed(stored, completion, before)
    self.store.outbox_table.insert(messages, at=completion.at)


async def hand_over_what_was_begun(self: Any, operation: Operation, *, lease: Any) -> None:
    """Hand an operation over, and forget its steps."""
    await _hand_over(self, replace(operation, steps=()), lease=lease)


# Leases.


async def release_anyones(self: Any, game_id: Any, grant: Any) -> None:
    """Delete the lease without comparing its owner."""
    if game_id in self.grants:
        del self.grants[game_id]


def draw_by_the_clock(self: LeaseNumbers, now: datetime, *, above: Any) -> LeaseNumber:
    """Draw a number from the clock alone, although the clock may step back."""
    self.last = LeaseNumber(int((now + self.clock_is_off_by).timestamp() * 1_000_000))
    return self.last


async def resume_without_the_lease(self: Operations, game_id: Any) -> None:
    """Resume an open operation without the lease that another process holds."""
    numbers = cast("Any", self.leases).connection.numbers
    number = numbers.draw(self.clock.now(), above=0)
    lease = SimpleNamespace(number=number, check=check_nothing)
    await self.answering.take_over(cast("Any", lease), game_id)


# The interpreter.


async def act_before_writing(self: Any, context: Any) -> None:
    """Send without having written the action ahead."""


def fail_by_the_record(operation: Operation, seen: Observation) -> Completion:
    """Restore nothing, and leave the record as it is."""
    return Completion(
        outcome=Outcome.FAILURE, at=seen.at, cause=operation.cause, record=seen.record
    )


# Observation.


async def believe_the_record(self: Any, record: RuntimeRecord | None) -> Current:
    """Believe the record that the engine runs."""
    if record is None or record.current_container_id is None:
        return Current()
    engine = SimpleNamespace(id=record.current_container_id, is_running=True, address=None)
    return Current(cast("ContainerDetails", engine))


def host_without_unknown(process: Process) -> Any:
    """Treat a Docker that does not answer as one that has no such container."""
    return _HostWithoutUnknown(_host(process))


class _HostWithoutUnknown:
    """A host that cannot report that it is unavailable."""

    def __init__(self, host: ContainerHost) -> None:
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
    """Treat every Runtime Manager's containers as ours."""
    return bool(container.has_our_labels)


async def observe_every_game_to_clean_up(self: Observer, context: OperationContext) -> Observation:
    """Treat the containers of all games as those of the game that is cleaned up."""
    seen = await _observe(self, context)
    if context.operation.kind is not OperationKind.CLEANUP_CONTAINER:
        return seen
    every = [await self.host.inspect(each.id) for each in await self.host.list_containers()]
    known = {each.id for each in seen.ours}
    others = [each for each in every if each and not each.is_running and each.id not in known]
    return replace(seen, others=[*seen.others, *others])


# Requests.


def rule_that_replays_nothing(request: OperationRequest, ledger: Any, current: Current) -> bool:
    """Start a game that already runs."""
    start_runtime.rule(request, ledger, current)
    return False


def patch_that_replays_nothing(request: OperationRequest, ledger: Any, current: Current) -> bool:
    """Patch a game that already runs the image."""
    patch_runtime.rule(request, ledger, current)
    return False


async def find_what_ran_before(self: Executor, context: OperationContext) -> Any:
    """Run the image that ran before, whatever was requested."""
    if context.record is not None and context.record.image_id:
        return await self.host.image(context.record.image_id)
    return await _on_host(self, context)


# Reconciliation.


async def reconcile_by_the_survey(self: ReconcileRuntimes) -> Reconciliation:
    """Reconcile what the survey found, without observing it again under the lease."""
    _, drifts = await self.survey()
    for each in drifts:
        if each.kind is drift.DriftKind.OPEN_OPERATION:
            continue
        async with self.operations.leases.hold(each.game_id, wait=5.0) as lease:
            await self.reconcile_game._reconcile_drift(lease, each, "survey")
    return await _reconcile(self)


async def believe_the_event(self: RecordDockerEvent, hint: Any) -> str:
    """Record what the event says, whichever container it is about."""
    event = hint.event
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
    """Treat a container that was created just now as a stale one."""
    return _find_drift(view, now=now, grace=-1.0)


def overlook_the_parked(view: GameView, keep: Any, spared_since: Any) -> Iterator[Drift]:
    """Overlook parked containers."""
    parked = {each.id for each in view.containers if "-parked-" in each.name}
    every = _stale(view, keep, spared_since)
    return (each for each in every if each.container_id not in parked)


def take_the_stopped_for_stale(view: GameView, keep: Any, spared_since: Any) -> Iterator[Drift]:
    """Treat a stopped game's container as one that belongs to nobody."""
    is_stopped = view.record is not None and view.record.status is RuntimeStatus.STOPPED
    return _stale(view, None if is_stopped else keep, spared_since)


def forget_what_was_reported(
    baselines: Any, game_id: Any, container_id: Any, watch: Any
) -> Baseline:
    """Watch every engine as if nothing had been reported about it."""
    return Baseline(game_id=game_id, container_id=container_id, watch=watch)
