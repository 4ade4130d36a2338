"""The streams that others read, in memory."""

from dataclasses import dataclass

from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.adapters.in_memory.streams import InMemoryStreams
from rtmanager.domain.ports.outbox import OutboxBatch, RelayFence, StaleBatch


@dataclass(frozen=True)
class InMemoryMessagePublisher:
    """Publishes each message once, by its marker. Gate: `publisher.publish`."""

    streams: InMemoryStreams
    gate: Gate = open_gate

    async def publish(self, batch: OutboxBatch) -> None:
        """Add the messages that were not added before."""
        await self.gate("publisher.publish")
        if batch.fence < self.streams.fence:
            raise StaleBatch(highest=RelayFence(self.streams.fence))
        self.streams.fence = batch.fence
        for row in batch.rows:
            if row.token not in self.streams.markers:
                self.streams.markers.add(row.token)
                self.streams.published.append(row.message)
        await self.gate("publisher.publish:done")
