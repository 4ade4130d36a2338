"""The claim to lead, in memory."""

from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.domain.errors import ServiceUnavailable


@dataclass
class Claim:
    """The claim as the store keeps it: who leads. The processes of one simulation share it."""

    leader: "InMemoryLeadership | None" = None


@dataclass(eq=False)
class InMemoryLeadership:
    """The leadership of one process.

    A call that fails costs the connection, and the claim with it. `abandon` takes both away: the
    process was killed or cut off. Gates: `leadership.campaign`, `leadership.confirm`,
    `leadership.resign`.
    """

    claim: Claim = field(default_factory=Claim)
    gate: Gate = open_gate

    async def campaign(self) -> bool:
        """Try once to become the leader."""
        try:
            await self.gate("leadership.campaign")
            if self.claim.leader is None:
                self.claim.leader = self
            leads = self.claim.leader is self
            await self.gate("leadership.campaign:done")
        except BaseException:
            self.abandon()
            raise
        return leads

    async def confirm(self) -> bool:
        """Tell whether we still lead."""
        try:
            await self.gate("leadership.confirm")
            leads = self.claim.leader is self
            await self.gate("leadership.confirm:done")
        except ServiceUnavailable:
            self.abandon()
            return False
        except BaseException:
            self.abandon()
            raise
        return leads

    async def resign(self) -> None:
        """Give the claim up."""
        try:
            await self.gate("leadership.resign")
            self.abandon()
            await self.gate("leadership.resign:done")
        except ServiceUnavailable:
            self.abandon()

    def abandon(self) -> None:
        """Lose the connection and whatever was claimed over it."""
        if self.claim.leader is self:
            self.claim.leader = None
