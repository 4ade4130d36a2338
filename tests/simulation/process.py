"""One process of the service: the real use cases and cycles in the shared environment."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from rtmanager.adapters.in_memory.backlogs import InMemoryStoreBacklogs
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.adapters.in_memory.container_host import InMemoryEngineProbe
from rtmanager.adapters.in_memory.drift_log import InMemoryDriftLog
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.game_lease import LeaseConnection
from rtmanager.adapters.in_memory.operation_history import InMemoryOperationHistory
from rtmanager.adapters.in_memory.operator_events import InMemoryOperatorEvents
from rtmanager.adapters.in_memory.outbox import InMemoryOutbox
from rtmanager.adapters.in_memory.replicas import InMemoryReplicas
from rtmanager.adapters.in_memory.store import (
    InMemoryEngineHealth,
    InMemoryHealthLog,
    InMemoryRuntimeRecords,
)
from rtmanager.adapters.in_memory.streams import InMemoryJobStream, InMemoryMessagePublisher
from rtmanager.bootstrap.cycles import CyclePolicy, CyclePorts, Cycles
from rtmanager.bootstrap.use_cases import Ports, UseCases
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.ports.container_host import ContainerHost
from tests.simulation.policy import (
    GRACE,
    JOB_LEASE_WAIT,
    JOBS_KEPT,
    LEASE_TTL,
    POLICY,
    PROBE_THRESHOLD,
    RETENTION,
)
from tests.simulation.process_parts import (
    PROCESS,
    READING_SLOWED,
    BelievedLeases,
    ProcessClock,
    TalliedJournal,
    Unaskable,
    Workers,
)

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

P = TypeVar("P")

BOOT_PAUSE = 5.0


class Killed(BaseException):
    """The process was killed: no code of the service handles this, and no call gets through."""


class Process:
    """A replica. Once killed, its tasks never run again; while stalled, they wait until it wakes.

    It accepts requests while it is open: not before its first check of the host has succeeded, and
    not while it shuts down.
    """

    def __init__(self, environment: "Environment", slot: int, generation: int) -> None:
        self.environment = environment
        self.name = f"p{slot}.{generation}"
        self.slot = slot
        self.is_awake = self.is_open = True
        self.is_dead = False
        self.clock_off_by = environment.draw_clock(generation)
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.background: list[asyncio.Task[Any]] = []
        self.clock = ProcessClock(self)
        self.unaskable = Unaskable()
        self.lease_connection = LeaseConnection(
            environment.host_clock,
            ttl=LEASE_TTL,
            grants=environment.grants,
            numbers=environment.numbers,
        )
        self._delays = Random(f"{environment.seed} {self.name}")  # noqa: S311 - no secret
        self.events: InMemoryContainerEvents = self._faulty(
            InMemoryContainerEvents(docker=environment.docker, delays=self._in_transit), "events"
        )
        # Its own clock: what an idle consumer asks would be most of a history.
        self.consumer = InMemoryJobStream(
            streams=environment.streams,
            clock=ProcessClock(self, slowness=READING_SLOWED),
            maxlen=JOBS_KEPT,
        )
        self.jobs: InMemoryJobStream = self._faulty(self.consumer, "jobs")
        self.outbox: InMemoryOutbox = self._faulty(
            InMemoryOutbox(environment.store.outbox_table, self.clock), "outbox"
        )
        self.cases: UseCases
        self.cycles: Cycles
        self.cases, self.cycles = self._assemble()
        self.workers = Workers(self)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` as a task of this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        task: asyncio.Task[Any] = self.environment.loop.create_task(work, context=context)
        self.tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def work(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a cycle or the workers, which are the first to end when the process shuts down."""
        task = self.spawn(work)
        self.background.append(task)
        return task

    async def attempt(self, cycle: Coroutine[Any, Any, object]) -> None:
        """Run a cycle as its worker does: expected errors are left to the next run."""
        try:
            await cycle
        except RuntimeManagerError as error:
            self.environment.scheduler.note(f"-> a cycle of {self.name} failed: {error}")

    async def open(self) -> None:
        """Check the host until that succeeds, then accept requests."""
        self.is_open = False
        while True:
            try:
                await self.cycles.check_host.run()
            except RuntimeManagerError:
                await self.clock.sleep(BOOT_PAUSE)
            else:
                self.is_open = True
                return

    async def shut_down(self, limit: float) -> None:
        """Shut down as on SIGTERM: refuse requests, stop working, hand over open operations."""
        self.is_open = False
        for task in self.background:
            task.cancel()
        await asyncio.gather(*self.background, return_exceptions=True)
        await self.cases.operations.in_flight.drain(limit)

    async def park(self, call: str, due: float = 0.0) -> None:
        """Wait for the scheduler; a dead process does nothing any more."""
        if self.is_dead:
            raise Killed
        await self.environment.scheduler.park(self, call, due)

    def kill(self) -> None:
        """Kill the process at once; its leases expire a TTL later."""
        self.is_dead = True
        self.is_open = False
        self.lease_connection.abandon()
        self.workers.leadership.abandon()
        for parked in self.environment.scheduler.forget(self):
            if not parked.wakeup.done():
                parked.wakeup.set_exception(Killed())
        self.environment.loop.run_ready()
        for task in list(self.tasks):
            task.cancel()
        self.environment.loop.run_ready()

    def stall(self) -> None:
        """Stop running, as a suspended machine does: no renewals either."""
        self.is_awake = False
        self.stall_leases()

    def wake(self) -> None:
        """Continue where everything stopped."""
        self.is_awake = True
        self.resume_leases()

    def stall_leases(self) -> None:
        """Let no renewal arrive: held leases expire a TTL from now."""
        for game_id in self.lease_connection.held:
            self.lease_connection.stall(game_id)

    def resume_leases(self) -> None:
        """Renew what has not expired, unless another fault still keeps renewals from arriving."""
        if self.is_awake and not self.environment.faults.redis_is_cut:
            self.lease_connection.resume()

    def _assemble(self) -> tuple[UseCases, Cycles]:
        environment, store = self.environment, self.environment.store
        connection = self._faulty(self.lease_connection, "lease")
        probe = InMemoryEngineProbe(docker=environment.docker, unaskable=self.unaskable)
        ports = Ports(
            records=self._faulty(InMemoryRuntimeRecords(store), "records"),
            journal=self._faulty(TalliedJournal(store, environment.tally), "store"),
            history=self._faulty(InMemoryOperationHistory(store), "history"),
            health=self._faulty(InMemoryEngineHealth(store), "known_health"),
            events=self._faulty(InMemoryOperatorEvents(store.event_table), "operator_events"),
            drift_log=self._faulty(InMemoryDriftLog(store), "drift_log"),
            replicas=InMemoryReplicas(self.clock, environment.claim),
            backlogs=[self._faulty(InMemoryStoreBacklogs(store), "backlogs")],
            leases=BelievedLeases(connection, environment),
            host=self._host(),
            nodes=self._faulty(environment.platform.nodes(self), "nodes"),
            probe=self._faulty(probe, "probe"),
            directories=self._faulty(environment.directories, "directories"),
            clock=self.clock,
            installation=environment.installation,
        )
        cases = UseCases.assemble(ports, POLICY)
        policy = CyclePolicy(
            probe_threshold=PROBE_THRESHOLD,
            retention=timedelta(seconds=RETENTION),
            disk_limit=POLICY.disk_limit,
            grace=GRACE,
        )
        beyond = CyclePorts(
            health=self._faulty(InMemoryHealthLog(store), "health"),
            events=self.events,
            jobs=self.jobs,
            outbox=self.outbox,
            publisher=self._faulty(InMemoryMessagePublisher(environment.streams), "publisher"),
            fencing=environment.platform.fencing(self),
        )
        cycles = Cycles.assemble(ports, beyond, cases, policy)
        # Jobs wait for a lease only briefly: each attempt is a step.
        handle_job = replace(cycles.handle_job, lease_wait=JOB_LEASE_WAIT)
        return cases, replace(cycles, handle_job=handle_job)

    def _host(self) -> ContainerHost:
        return self._faulty(self.environment.platform.host(self), "host")

    def _faulty(self, port: P, name: str) -> P:
        """Let the scheduler decide when each call of the port continues, and with which fault."""
        return with_faults(port, name, self.park)

    def _in_transit(self, _: ContainerEvent) -> Sequence[float]:
        """Drop, duplicate, delay and thereby reorder events."""
        fate = self._delays.random()
        if fate < 0.5:
            return (0.0,)
        if fate < 0.7:
            return ()
        delay = self._delays.choice((0.01, 0.1, 2.0, 30.0))
        return (delay,) if fate < 0.85 else (0.0, delay)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, Killed):
            self.environment.violation(f"a task of {self.name} ended with {error!r}")
