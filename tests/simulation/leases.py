"""Leases whose loss is noticed as late as the real ones notice it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.game_lease import InMemoryGameLease, InMemoryGameLeases
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLease, LeaseLost
from tests.simulation.policy import LEASE_TTL

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

NOTICED_AFTER = LEASE_TTL / 3
"""Seconds until the next renewal finds out that the lease store was flushed."""


@dataclass(frozen=True, slots=True)
class BelievedLease:
    """A lease that its holder believes in until a renewal fails, or its time is over."""

    lease: InMemoryGameLease
    environment: "Environment"

    @property
    def number(self) -> LeaseNumber:
        """The number that was drawn with the lease."""
        return self.lease.number

    def check(self) -> None:
        """Raise LeaseLost once the holder can know."""
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
    """The leases of one process, which learns of a flush at its next renewal only."""

    environment: "Environment"

    @asynccontextmanager
    async def hold(  # type: ignore[override] # a lease like the one that it holds
        self, game_id: GameId, *, wait: float, above: LeaseNumber = NO_LEASE
    ) -> AsyncIterator[GameLease]:
        """Hold the game's lease for the block."""
        async with super().hold(game_id, wait=wait, above=above) as lease:
            yield BelievedLease(lease, self.environment)
