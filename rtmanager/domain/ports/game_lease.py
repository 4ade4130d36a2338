"""One lease per game around every mutation."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from rtmanager.domain.errors import Conflict, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber

NO_LEASE = LeaseNumber(0)


class LeaseBusy(Conflict):
    """another operation on this game is about to begin, or has just ended; try again."""


class LeaseLost(ServiceUnavailable):
    """the lease on this game was lost while the operation ran; another process resumes it."""

    def __init__(self, message: str | None = None, *, highest: LeaseNumber = NO_LEASE) -> None:
        """Keep the highest number known to be drawn for the game."""
        super().__init__(message)
        self.highest = highest


class GameLease(Protocol):
    """A held lease, which is renewed in the background."""

    @property
    def number(self) -> LeaseNumber:
        """The number drawn with the lease, which identifies its holder in the database."""

    def check(self) -> None:
        """Raise LeaseLost when the lease may no longer be ours; no I/O."""


class GameLeases(Protocol):
    """Grants one lease per game at a time, across all processes."""

    def hold(
        self, game_id: GameId, *, wait: float, above: LeaseNumber = NO_LEASE
    ) -> AbstractAsyncContextManager[GameLease]:
        """Hold the game's lease for the block.

        Its number is drawn in the same step that takes it: higher than any before, than `above`,
        and at least the store's clock in microseconds, so that a flushed store draws no number
        twice. Blocks up to `wait` seconds, callers of one process first come, first served; zero
        tries once. Raises LeaseBusy when another holder still has it then, ServiceUnavailable when
        the lease store cannot be reached. Leaving the block releases the lease if it is still ours
        and never raises: a lease that cannot be released expires.
        """

    async def ping(self) -> None:
        """Raise ServiceUnavailable when the lease store does not answer."""
