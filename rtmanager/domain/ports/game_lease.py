"""One lease per game around every mutation."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from rtmanager.domain.errors import Conflict, ServiceUnavailable
from rtmanager.domain.game_id import GameId


class LeaseBusy(Conflict):
    """another operation on this game is running; try again when it has finished."""


class LeaseLost(ServiceUnavailable):
    """the lease on this game was lost while the operation ran; its outcome will be settled."""


class GameLease(Protocol):
    """A lease that is held. It is renewed in the background for as long as it is held."""

    def check(self) -> None:
        """Raise LeaseLost when the lease is no longer surely ours; costs no I/O."""


class GameLeases(Protocol):
    """Grants one lease per game at a time, across all processes."""

    def hold(self, game_id: GameId, *, wait: float) -> AbstractAsyncContextManager[GameLease]:
        """Hold the game's lease for the block.

        Blocks up to `wait` seconds, callers of one process in their order of arrival; zero tries
        once. Raises LeaseBusy when others still hold it then, ServiceUnavailable when the lease
        store cannot be reached. Leaving the block releases the lease if it is still ours (never
        another's) and never raises: a lease that cannot be released expires by itself.
        """

    async def ping(self) -> None:
        """Raise ServiceUnavailable when the lease store does not answer."""
