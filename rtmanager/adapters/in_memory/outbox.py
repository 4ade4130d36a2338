"""The outbox of the store in memory, as the relay sees it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.adapters.in_memory.outbox_table import OutboxTable
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.outbox import OutboxBatch, RelayFence


@dataclass(frozen=True)
class InMemoryOutbox:
    """One process's view of the table. Gates: `outbox.` and the name of the method.

    `outbox.commit` stands between the block's end and the mark that its messages are sent.
    """

    table: OutboxTable
    clock: Clock
    gate: Gate = open_gate

    @asynccontextmanager
    async def batch(self, *, limit: int) -> AsyncIterator[OutboxBatch]:
        """Lend the oldest unsent messages and mark them sent when the block ends well."""
        await self.gate("outbox.batch")
        batch, turn = self.table.borrow(limit, now=self.clock.now())
        try:
            await self.gate("outbox.batch:done")
            yield batch
            await self.gate("outbox.commit")
            self.table.mark_sent(batch, turn, self.clock.now())
        finally:
            self.table.give_back(turn)
        await self.gate("outbox.commit:done")

    @asynccontextmanager
    async def wakeups(self) -> AsyncIterator[AsyncIterator[None]]:
        """Listen to the table."""
        await self.gate("outbox.wakeups")
        inserted = asyncio.Event()
        self.table.listeners.append(inserted)
        try:
            async with aclosing(self._notifications(inserted)) as notifications:
                yield notifications
        finally:
            self.table.listeners.remove(inserted)

    async def raise_fence(self, above: RelayFence) -> None:
        """Let the next batch's fence be larger."""
        await self.gate("outbox.raise_fence")
        self.table.raise_fence(above)
        await self.gate("outbox.raise_fence:done")

    async def prune(self, *, sent_before: datetime, limit: int) -> int:
        """Delete messages that were sent before then and keep nothing quiet."""
        await self.gate("outbox.prune")
        pruned = self.table.prune(sent_before, limit)
        await self.gate("outbox.prune:done")
        return pruned

    async def _notifications(self, inserted: asyncio.Event) -> AsyncGenerator[None, None]:
        while True:
            await inserted.wait()
            inserted.clear()
            await self.gate("outbox.notify")
            yield
