"""Reading the durable records of runtimes; only the operation journal writes them."""

from collections.abc import Sequence
from typing import Protocol

from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import RuntimeRecord


class RuntimeRecords(Protocol):
    """The runtime records, one per game ever started. Every method raises ServiceUnavailable."""

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id (by code point)."""

    async def ping(self) -> None:
        """Raise ServiceUnavailable when the store does not answer."""
