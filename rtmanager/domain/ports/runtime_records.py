"""Reading the durable records of runtimes; only the operation journal writes them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import ListedRecord, RuntimeRecord

PAGE = 512
"""Records in a page; one with fewer is the last."""

PAGES_SECONDS = 30.0
"""For how long pages can be read: until the last one was, they may hold a connection."""

RecordPages = AbstractAsyncContextManager[AsyncIterator[Sequence[ListedRecord]]]
"""A block in which pages of records are read, one at a time."""


class RuntimeRecords(Protocol):
    """The runtime records, one per game ever started. Every method raises ServiceUnavailable."""

    async def get(self, game_id: GameId) -> RuntimeRecord | None:
        """Return the game's record, None when it was never started."""

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id (by code point)."""

    def pages(self, size: int = PAGE) -> RecordPages:
        """Yield every record of any status in pages, ordered as in `list`, all as of one moment.

        A store without records has none. Once the last page has been read, a short one or the end
        after it, nothing is held for them. After `PAGES_SECONDS` the next one raises
        ServiceUnavailable: whoever reads them waits for nobody.
        """

    async def ping(self) -> None:
        """Raise ServiceUnavailable when the store does not answer."""
