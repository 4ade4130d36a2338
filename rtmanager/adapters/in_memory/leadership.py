"""The claim to lead, in memory."""

from dataclasses import dataclass, field

from rtmanager.domain.errors import ServiceUnavailable


@dataclass
class Claim:
    """The claim in the store: who leads. The processes of a simulation share it.

    Inject faults around this (`leadership.campaign`, `leadership.confirm`, `leadership.resign`):
    how a contender handles a failed call is the port's own behaviour.
    """

    leader: object | None = None

    async def campaign(self, contender: object) -> bool:
        """Give the claim to the contender if it is free; return whether the contender leads."""
        if self.leader is None:
            self.leader = contender
        return self.leader is contender

    async def confirm(self, contender: object) -> bool:
        """Return whether the contender leads."""
        return self.leader is contender

    async def resign(self, contender: object) -> None:
        """Free the claim if the contender has it."""
        self.free(contender)

    def free(self, contender: object) -> None:
        """End the contender's connection, and its claim with it."""
        if self.leader is contender:
            self.leader = None


@dataclass(eq=False)
class InMemoryLeadership:
    """The leadership of one process.

    A failed call loses the connection, and the claim with it. `abandon` does the same: the process
    was killed or cut off.
    """

    claim: Claim = field(default_factory=Claim)

    @property
    def number(self) -> int | None:
        """The number of this contender."""
        return id(self)

    async def campaign(self) -> bool:
        """Try once to become the leader."""
        try:
            return await self.claim.campaign(self)
        except BaseException:
            self.abandon()
            raise

    async def confirm(self) -> bool:
        """Return whether we still lead."""
        try:
            return await self.claim.confirm(self)
        except ServiceUnavailable:
            self.abandon()
            return False
        except BaseException:
            self.abandon()
            raise

    async def resign(self) -> None:
        """Give up the claim."""
        try:
            await self.claim.resign(self)
        except ServiceUnavailable:
            self.abandon()

    def abandon(self) -> None:
        """Lose the connection, and a claim with it."""
        self.claim.free(self)
