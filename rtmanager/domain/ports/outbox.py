"""From the outbox table to the streams that others read."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NewType, Protocol

from rtmanager.domain.outbox import OutboxMessage

OutboxId = NewType("OutboxId", int)
"""Grows; within one game in the order in which its messages were committed."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message that waits to be sent."""

    id: OutboxId
    message: OutboxMessage


class Outbox(Protocol):
    """The unsent messages. Every method raises ServiceUnavailable."""

    def batch(self, *, limit: int) -> AbstractAsyncContextManager[Sequence[OutboxRow]]:
        """Lend the oldest unsent messages for the block and mark them sent when it ends well.

        Only one borrower at a time, in all processes: others get an empty batch. When the block
        raises, or the store is lost before its end, the messages stay unsent and come again.
        """

    def wakeups(self) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Yield whenever messages were committed, by any process; more than once is harmless."""

    async def prune(self, *, sent_before: datetime, limit: int) -> int:
        """Delete at most `limit` messages that were sent before then; return how many."""


class MessagePublisher(Protocol):
    """The streams that others read."""

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Add the messages to their streams in this order, each exactly once.

        A message whose outbox id was published before is passed over, atomically with the check.
        Raises ServiceUnavailable: some may then have been published, and may be given again.
        """
