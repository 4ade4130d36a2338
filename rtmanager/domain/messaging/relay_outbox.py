"""Relaying committed messages to their streams."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.outbox import MessagePublisher, Outbox, StaleBatch

logger = logging.getLogger(__name__)

BATCH = 500
PRUNE_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class RelayOutbox:
    """Sends each message exactly once, in order per game, across crashes."""

    outbox: Outbox
    publisher: MessagePublisher
    clock: Clock
    keep_sent: timedelta

    async def run(self) -> int:
        """Send one batch and return how many messages it had; zero when there were none."""
        try:
            return await self._send()
        except StaleBatch as error:
            # The clock that fences are drawn from has stepped back, or another relay was faster. In
            # either case nothing was published, and the next batch gets a higher fence.
            logger.warning("outbox_fence_raised", extra={"above": error.highest})
            await self.outbox.raise_fence(error.highest)
            return await self._send()

    async def _send(self) -> int:
        async with self.outbox.batch(limit=BATCH) as batch:
            if batch.rows:
                await self.publisher.publish(batch)
        return len(batch.rows)

    async def prune(self) -> str:
        """Delete messages that were sent long ago and return how many."""
        before = self.clock.now() - self.keep_sent
        pruned = 0
        while gone := await self.outbox.prune(sent_before=before, limit=PRUNE_BATCH):
            pruned += gone
        return f"{pruned} sent messages pruned" if pruned else ""
