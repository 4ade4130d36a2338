"""What every replica says of itself, so that each can answer for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """What a worker has done; `due_in` are the seconds until its next success is due.

    That is None for one that waits for events, or does not run in this replica.
    """

    name: str
    interval: float | None = None
    cycles: int = 0
    failures: int = 0
    failures_in_a_row: int = 0
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_error: str | None = None
    did: str | None = None
    due_in: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaState:
    """A replica and its workers. `claim` is the number of its claim to lead, if it has one."""

    id: str
    host: str
    version: str
    started_at: datetime
    claim: int | None = None
    workers: Sequence[WorkerState] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenReplica:
    """What a replica said last, when that was, and how many seconds ago, by the store's clock."""

    state: ReplicaState
    seen_at: datetime
    age: float
    is_leader: bool


class Replicas(Protocol):
    """The replicas that run. Every method may raise ServiceUnavailable."""

    async def report(self, state: ReplicaState) -> None:
        """Store what the replica says of itself; forget those that have long said nothing."""

    async def leave(self, replica_id: str) -> None:
        """Forget a replica, which stops; no-op when it is not known."""

    async def list(self) -> Sequence[SeenReplica]:
        """Return those that were seen in the last minutes, the leader first, then by start.

        The leader is the one whose claim the store has granted now: at most one is, and none while
        its replica has not yet said so.
        """
