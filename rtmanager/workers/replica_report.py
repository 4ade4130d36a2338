"""Telling the other replicas what this one does."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.leadership import Leadership
from rtmanager.domain.ports.replicas import Replicas, ReplicaState
from rtmanager.workers.periodic import PeriodicWorker
from rtmanager.workers.worker import WorkerStatus

logger = logging.getLogger(__name__)

INTERVAL = 2.0


@dataclass(slots=True)
class ReplicaReport:
    """Runs in every replica: says every two seconds what it does, and at its end that it ends."""

    replicas: Replicas
    replica: ReplicaState
    statuses: Sequence[WorkerStatus]
    leadership: Leadership
    clock: Clock
    status: WorkerStatus = field(init=False)
    _loop: PeriodicWorker = field(init=False)

    def __post_init__(self) -> None:
        self._loop = PeriodicWorker("replica report", self.report, INTERVAL, self.clock)
        self.status = self._loop.status

    async def run(self) -> None:
        """Report until cancelled; then leave."""
        try:
            await self._loop.run()
        finally:
            await self._leave()

    async def report(self) -> str:
        """Report once."""
        now = self.clock.now()
        states = [each.state(now) for each in (*self.statuses, self.status)]
        await self.replicas.report(
            replace(self.replica, claim=self.leadership.number, workers=states)
        )
        return ""

    async def _leave(self) -> None:
        try:
            await self.replicas.leave(self.replica.id)
        except RuntimeManagerError as error:
            # It is forgotten after a few minutes.
            logger.warning("replica_not_forgotten", extra={"error": str(error)})
