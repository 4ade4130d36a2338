"""The real workers of one process, under the real supervisor, for supervised histories."""

import asyncio
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.leadership import InMemoryLeadership
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.workers.background import in_background
from rtmanager.workers.docker_event_watcher import DockerEventWatcher
from rtmanager.workers.job_consumer import JobConsumer
from rtmanager.workers.outbox_relay import OutboxRelay
from rtmanager.workers.periodic_worker import PeriodicWorker
from rtmanager.workers.supervisor import Supervisor
from tests.simulation.clocks import ProcessClock

if TYPE_CHECKING:
    from tests.simulation.process import Process

INTERVALS = {
    "probe": 15.0,
    "inspect": 30.0,
    "reconcile": 60.0,
    "handovers": 20.0,
    "retention": 300.0,
    "outbox pruning": 60.0,
    "job trimming": 60.0,
}
CAMPAIGNS_SLOWED = 10.0
IDLE_SLOWED = 20.0
"""A campaign, a look for jobs and one for messages every second would be most of a history."""
GAMES_AT_ONCE = 2
RESTART_PAUSE = 5.0


class Workers:
    """Everything that runs by itself in one process."""

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
        runs = (
            *(cycles.probe.run, cycles.inspect.run, cycles.reconcile_sentence),
            *(cycles.resume_handed_over.run, cycles.expire.run),
            *(cycles.relay.prune, cycles.trim_jobs),
        )
        periodic = [
            PeriodicWorker(name, run, interval, clock)
            for (name, interval), run in zip(INTERVALS.items(), runs, strict=True)
        ]
        self._supervisor = Supervisor(
            leadership=self.leadership,
            workers=[watcher, consumer, *periodic],
            clock=ProcessClock(process, slowness=CAMPAIGNS_SLOWED),
        )

    async def serve(self) -> None:
        """Relay; look and reconcile, until that has worked once, and then supervise."""
        async with in_background(self._relay, self._relay.clock):
            while not await self._reconciled():
                await self._process.clock.sleep(RESTART_PAUSE)
            self._process.is_open = True
            async with self._supervisor.running():
                await asyncio.Event().wait()

    async def _reconciled(self) -> bool:
        try:
            await self._process.cycles.first_look.run()
            await self._process.cycles.reconcile.run()
        except RuntimeManagerError:
            return False
        return True
