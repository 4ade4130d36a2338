"""The replicas that run, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rtmanager.adapters.in_memory.leadership import Claim
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.replicas import ReplicaState, SeenReplica

FORGOTTEN_AFTER = timedelta(minutes=5)


@dataclass
class InMemoryReplicas:
    """Replicas in memory. `claim` is the claim to lead that they share."""

    clock: Clock
    claim: Claim
    reports: dict[str, tuple[ReplicaState, datetime]] = field(default_factory=dict)

    async def report(self, state: ReplicaState) -> None:
        """Store what the replica says of itself."""
        self.reports[state.id] = state, self.clock.now()

    async def leave(self, replica_id: str) -> None:
        """Forget a replica."""
        self.reports.pop(replica_id, None)

    async def list(self) -> Sequence[SeenReplica]:
        """Return those that were seen in the last minutes."""
        now, leader = self.clock.now(), self._leader()
        seen = [
            SeenReplica(
                state=state,
                seen_at=at,
                age=(now - at).total_seconds(),
                is_leader=state.id == leader,
            )
            for state, at in self.reports.values()
            if now - at < FORGOTTEN_AFTER
        ]
        return sorted(seen, key=lambda each: (not each.is_leader, each.state.started_at))

    def _leader(self) -> str | None:
        """Return the replica with the claim that is granted; of several, the one seen last."""
        granted = [
            (at, state.id)
            for state, at in self.reports.values()
            if self.claim.leader is not None and state.claim == id(self.claim.leader)
        ]
        return max(granted)[1] if granted else None
