"""The parts of one simulated process: clock, leases, descriptors and workers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.game_lease import InMemoryGameLease, InMemoryGameLeases
from rtmanager.adapters.in_memory.leadership import InMemoryLeadership
from rtmanager.adapters.in_memory.operation_journal import InMemoryOperationJournal
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLease, LeaseLost
from rtmanager.domain.ports.operation_journal import Applicant, Begun
from rtmanager.workers.events import DockerEventWatcher
from rtmanager.workers.jobs import JobConsumer
from rtmanager.workers.leader import LeaderRunner
from rtmanager.workers.periodic import Cycle, PeriodicWorker
from rtmanager.workers.relay import OutboxRelay
from rtmanager.workers.worker import in_background
from tests.simulation.policy import LEASE_TTL
from tests.simulation.scheduler import VirtualLoop

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.process import Process
    from tests.simulation.tally import Tally


EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


PROCESS: ContextVar["Process"] = ContextVar("process")
"""The process to which the current task belongs."""


class HostClock:
    """The clock of the Docker host; a task that waits for the host belongs to some process."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.off_by = 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.now + self.off_by)

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        await PROCESS.get().park("docker.works", due=self._loop.now + max(seconds, 0.0))


class ProcessClock:
    """The clock of one process: a task that sleeps is parked at the scheduler until it is due.

    What it calls now may be off, and may step; elapsed seconds are the same for everybody.
    """

    def __init__(self, process: "Process", *, slowness: float = 1.0) -> None:
        self._loop = process.environment.loop
        self._process, self._slowness = process, slowness

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._loop.now + self._process.clock_off_by)

    def monotonic(self) -> float:
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        due = self._loop.now + max(seconds, 0.0) * self._slowness
        await self._process.park("clock.sleep", due=due)


NOTICED_AFTER = LEASE_TTL / 3
"""Seconds until the next renewal discovers that the lease store was flushed."""


@dataclass(frozen=True, slots=True)
class BelievedLease:
    """A lease that its holder believes in until a renewal fails or the lease expires."""

    lease: InMemoryGameLease
    environment: "Environment"

    @property
    def number(self) -> LeaseNumber:
        """The number that was drawn with the lease."""
        return self.lease.number

    def check(self) -> None:
        """Raise LeaseLost once the holder can know that it is lost."""
        try:
            self.lease.check()
        except LeaseLost:
            if not self._was_flushed_just_now():
                raise

    def _was_flushed_just_now(self) -> bool:
        now, flushed_at = self.environment.loop.now, self.environment.flushed_at
        return now < flushed_at + NOTICED_AFTER and not self.lease.grant.is_over(now)


@dataclass(eq=False)
class BelievedLeases(InMemoryGameLeases):
    """The leases of one process, which only discovers a flush at its next renewal."""

    environment: "Environment"

    @asynccontextmanager
    async def hold(  # type: ignore[override] # a lease like the one that it holds
        self, game_id: GameId, *, wait: float, above: LeaseNumber = NO_LEASE
    ) -> AsyncIterator[GameLease]:
        """Hold the game's lease for the block."""
        async with super().hold(game_id, wait=wait, above=above) as lease:
            yield BelievedLease(lease, self.environment)


@dataclass(frozen=True)
class TalliedJournal(InMemoryOperationJournal):
    """The journal of one process, which counts what is decided together."""

    tally: "Tally"

    async def begin(
        self, applicants: Sequence[Applicant], *, lease: LeaseNumber, at: datetime
    ) -> Sequence[Begun | None]:
        """Begin, and count."""
        begun = await super().begin(applicants, lease=lease, at=at)
        self.tally.decided(len(applicants), begun)
        return begun


class Unaskable(set[str]):
    """Contains every address while the process has no descriptors left, and none otherwise."""

    has_no_descriptors = False

    def __contains__(self, _: object) -> bool:
        return self.has_no_descriptors

    def recover(self) -> None:
        """Have descriptors left again."""
        self.has_no_descriptors = False


INTERVALS = {
    "probe": 15.0,
    "inspect": 30.0,
    "disk use": 600.0,
    "reconcile": 60.0,
    "handovers": 20.0,
    "retention": 300.0,
    "outbox pruning": 60.0,
    "job trimming": 60.0,
    "log pruning": 600.0,
    "event pruning": 600.0,
}
NODE_INTERVALS = {"nodes": 5.0, "fencing": 10.0, "lost games": 10.0, "drains": 20.0}
CAMPAIGNS_SLOWED = 10.0
IDLE_SLOWED = 20.0
READING_SLOWED = 50.0
"""Slow down campaigns and polling: once a second or more often, they would be most of a history."""
GAMES_AT_ONCE = 2
RESTART_PAUSE = 5.0


class Workers:
    """The workers of one process."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        clock, cycles = process.clock, process.cycles
        self.leadership = InMemoryLeadership(
            with_faults(process.environment.claim, "leadership", process.park)
        )
        watcher = DockerEventWatcher(
            process.events, cycles.record_event, cycles.reconcile_sentence, clock
        )
        consumer = JobConsumer(
            process.jobs, cycles.handle_job, cycles.jobs_can_run, clock, GAMES_AT_ONCE
        )
        self._relay = OutboxRelay(
            cycles.relay, process.outbox, ProcessClock(process, slowness=IDLE_SLOWED)
        )
        runs: tuple[Cycle, ...] = (
            *(cycles.probe.run, cycles.inspect.run, cycles.measure_disk_use.run),
            cycles.reconcile_sentence,
            *(cycles.resume_handed_over.run, cycles.expire.run),
            *(cycles.relay.prune, cycles.trim_jobs, cycles.prune_log.run),
            cycles.prune_events.run,
        )
        intervals = dict(INTERVALS)
        if process.environment.on_swarm:
            intervals |= NODE_INTERVALS
            runs += (cycles.watch_nodes.run, cycles.fence_nodes.run)
            runs += (cycles.move_lost_games.run, cycles.drain_nodes.run)
        periodic = [
            PeriodicWorker(name, run, interval, clock)
            for (name, interval), run in zip(intervals.items(), runs, strict=True)
        ]
        self._leader_runner = LeaderRunner(
            leadership=self.leadership,
            workers=[watcher, consumer, *periodic],
            clock=ProcessClock(process, slowness=CAMPAIGNS_SLOWED),
        )

    async def serve(self) -> None:
        """Run the relay; check the host and reconcile until that succeeds; run the workers."""
        async with in_background(self._relay, self._relay.clock):
            while not await self._reconciled():
                await self._process.clock.sleep(RESTART_PAUSE)
            self._process.is_open = True
            async with self._leader_runner.running():
                await asyncio.Event().wait()

    async def _reconciled(self) -> bool:
        try:
            await self._process.cycles.check_host.run()
            await self._process.cycles.reconcile.run()
        except RuntimeManagerError:
            return False
        return True
