"""Reading the durable records of runtimes; only the operation journal writes them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import RuntimeRecord

PAGE = 500
"""Records in a page; one with fewer is the last."""

PAGES_SECONDS = 8.0
"""For how long pages may be read: a connection to the store is held for them."""

RecordPages = AbstractAsyncContextManager[AsyncIterator[Sequence[RuntimeRecord]]]
"""A block in which pages of records are read, one at a time."""


class RuntimeRecords(Protocol):
    """The runtime records, one per game ever started. Every method raises ServiceUnavailable."""

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id (by code point)."""

    def pages(self, size: int = PAGE) -> RecordPages:
        """Yield what `list` returns in pages, every record as it was at one moment.

        A store without records has none. Nothing is held for the last page, if it is a short one.
        Whoever reads them leaves the block within `PAGES_SECONDS`.
        """

    async def ping(self) -> None:
        """Raise ServiceUnavailable when the store does not answer."""
