"""The replicas, what their workers do, and what waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.ports.backlogs import Backlog, Backlogs
from rtmanager.domain.ports.replicas import Replicas, SeenReplica, WorkerState

SILENT_AFTER = 10.0
"""Seconds after which a replica that says nothing counts as one that does nothing."""


@dataclass(frozen=True, slots=True)
class WorkersReport:
    """All replicas, the leader first, what waits, and what could not be found out."""

    replicas: Sequence[SeenReplica]
    backlogs: Sequence[Backlog]
    errors: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReadWorkers:
    """Answers for all replicas, from what they said last."""

    replicas: Replicas
    backlogs: Sequence[Backlogs]

    async def run(self) -> WorkersReport:
        """Return everything that can be found out; raises ServiceUnavailable without a store."""
        replicas = await self.replicas.list()
        found: list[Backlog] = []
        errors: list[str] = []
        for each in self.backlogs:
            try:
                found += await each.read()
            except RuntimeManagerError as error:
                errors.append(f"{each.about}: {error.message}")
        return WorkersReport(replicas, found, errors)


def lag(worker: WorkerState, replica: SeenReplica) -> float | None:
    """Return how many seconds the worker's next success is late; None if none is due."""
    if worker.due_in is None:
        return None
    silent = replica.age if replica.age > SILENT_AFTER else 0.0
    return max(0.0, silent - worker.due_in)
