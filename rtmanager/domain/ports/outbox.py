"""From the outbox table to the streams that others read."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messages import OutboxMessage

OutboxId = NewType("OutboxId", int)
"""Grows; within one game in the order in which its messages were committed."""

RelayFence = NewType("RelayFence", int)
"""Grows from each batch to the next one, whoever borrows it, also when the clock steps back."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that waits to be sent.

    The token names the message for ever: unlike the id it is not used again by a database that
    was recreated or restored from a copy.
    """

    id: OutboxId
    token: str
    message: OutboxMessage


@dataclass(frozen=True, slots=True)
class OutboxBatch:
    """What one borrower has to send, in this order, and the fence of its turn."""

    fence: RelayFence
    rows: Sequence[OutboxRow] = ()


class Outbox(Protocol):
    """The unsent messages. Every method raises ServiceUnavailable."""

    def batch(self, *, limit: int) -> AbstractAsyncContextManager[OutboxBatch]:
        """Lend the oldest unsent messages for the block and mark them sent when it ends well.

        Only one borrower at a time, in all processes: others get an empty batch. When the block
        raises, or the store is lost before its end, the messages stay unsent and come again. A
        borrower that was cut off may not know it yet: the next batch has a higher fence.
        """

    def wakeups(self) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Yield whenever messages were committed, by any process; more than once is harmless.

        The iterator raises ServiceUnavailable when the store is lost.
        """

    async def raise_fence(self, above: RelayFence) -> None:
        """Let the next batch's fence be larger than this: the store's clock has stepped back."""

    async def prune(self, *, sent_before: datetime, limit: int) -> int:
        """Delete at most `limit` messages that were sent before then; return how many.

        A message whose dedup window is still open is not deleted.
        """


class StaleBatch(ServiceUnavailable):
    """another relay has published since this batch was lent; it comes again."""

    def __init__(self, message: str | None = None, *, highest: RelayFence = RelayFence(0)) -> None:
        """Keep the highest fence that was published with."""
        super().__init__(message)
        self.highest = highest


class MessagePublisher(Protocol):
    """The streams that others read."""

    async def publish(self, batch: OutboxBatch) -> None:
        """Add the messages to their streams in this order, each exactly once.

        A message whose token was published before is passed over, atomically with the check. One
        that does not fit its stream's schema is put aside among the dead letters, so that it
        neither misleads a reader nor holds up the others. Raises ServiceUnavailable: some may then
        have been published, and may be given again. Raises StaleBatch, having added nothing, when
        a batch with a higher fence was published before.
        """
