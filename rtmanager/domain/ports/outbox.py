"""From the outbox table to the output streams."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messages import OutboxMessage

OutboxId = NewType("OutboxId", int)
"""Grows; within a game in the order in which its messages were committed."""

RelayFence = NewType("RelayFence", int)
"""Grows with each batch, across relays, even when the clock steps back."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message waiting to be sent.

    The token identifies the message for ever: unlike the id it is not reused by a database that was
    recreated or restored from a copy.
    """

    id: OutboxId
    token: str
    message: OutboxMessage


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """What one borrower has to send, in this order, and the fence of its batch."""

    fence: RelayFence
    rows: Sequence[OutboxRow] = ()


class Outbox(Protocol):
    """The unsent messages. Every method raises ServiceUnavailable."""

    def batch(self, *, limit: int) -> AbstractAsyncContextManager[OutboxBatch]:
        """Lend the oldest unsent messages for the block and mark them sent when it ends well.

        One borrower at a time across all processes; others get an empty batch. When the block
        raises, or the store is lost before its end, the messages stay unsent and are lent again. A
        borrower that was cut off may not know it yet: the next batch has a higher fence.
        """

    def wakeups(self) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Yield whenever a process has committed messages; spurious wakeups are possible.

        The iterator raises ServiceUnavailable when the connection to the store is lost.
        """

    async def raise_fence(self, above: RelayFence) -> None:
        """Make the next batch's fence higher than this: the store's clock has stepped back."""

    async def prune(self, *, sent_before: datetime, limit: int) -> int:
        """Delete at most `limit` messages that were sent before then; return how many.

        A message whose dedup window is still open is not deleted, nor are uses of a quota that
        still count.
        """


class StaleBatch(ServiceUnavailable):
    """another relay has published since this batch was lent; the batch is lent again."""

    def __init__(self, message: str | None = None, *, highest: RelayFence = RelayFence(0)) -> None:
        """Keep the highest published fence."""
        super().__init__(message)
        self.highest = highest


class MessagePublisher(Protocol):
    """The output streams."""

    async def publish(self, batch: OutboxBatch) -> None:
        """Add the messages to their streams in this order, each exactly once.

        A message whose token was already published is skipped, atomically with the check. One that
        violates its stream's schema is dead-lettered, so that it neither misleads a reader nor
        blocks the others. Raises ServiceUnavailable: some may have been published, and the batch
        may be published again. Raises StaleBatch, adding nothing, when a batch with a higher fence
        was published before.
        """
