"""The outbox in memory: the table, and a relay's view of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messages import OutboxMessage, Quota, log_over_quota
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.outbox import OutboxBatch, OutboxId, OutboxRow, RelayFence

NO_FENCE = RelayFence(0)


@dataclass(kw_only=True)
class OutboxTable:
    """Every message ever written, open to inspection; its id is its position, from 1.

    `fence` is the last one that was lent. `borrower` is the turn that holds the lock; `cut_off`
    takes it away, as Postgres does when the borrower's connection is lost.
    """

    messages: list[OutboxMessage] = field(default_factory=list)
    sent_at: dict[OutboxId, datetime] = field(default_factory=dict)
    pruned: set[OutboxId] = field(default_factory=set)
    listeners: list[asyncio.Event] = field(default_factory=list)
    borrower: object | None = None
    fence: RelayFence = NO_FENCE
    _quota_uses: dict[str, list[datetime]] = field(default_factory=dict, init=False)
    _dedup_until: dict[str, tuple[OutboxId, datetime]] = field(default_factory=dict, init=False)

    def insert(self, messages: Iterable[OutboxMessage], *, at: datetime) -> None:
        """Insert the messages within their quotas and in no dedup window; wake the listeners."""
        for message in messages:
            if self._is_duplicate(message, at):
                continue
            if any(self._is_used_up(quota, at) for quota in message.quotas):
                log_over_quota(message)
                continue
            self.messages.append(message)
            self._open_window(message, at)
            for quota in message.quotas:
                until = at + timedelta(seconds=quota.seconds)
                self._quota_uses.setdefault(quota.key, []).append(until)
            for listener in self.listeners:
                listener.set()

    def borrow(self, limit: int, *, now: datetime) -> tuple[OutboxBatch, object | None]:
        """Return the oldest unsent messages and the turn, None while another holds it."""
        if self.borrower is not None:
            return OutboxBatch(RelayFence(0)), None
        self.borrower = turn = object()
        unsent = [row for row in self._rows() if row.id not in self.sent_at]
        if unsent:
            self.raise_fence(RelayFence(max(self.fence + 1, _microseconds(now))))
        return OutboxBatch(self.fence, unsent[:limit]), turn

    def raise_fence(self, above: RelayFence) -> None:
        """Make the next fence higher than this one."""
        self.fence = max(self.fence, above)

    def mark_sent(self, batch: OutboxBatch, turn: object | None, at: datetime) -> None:
        """Mark the batch sent; raise ServiceUnavailable when the turn was cut off."""
        if turn is not None and turn is not self.borrower:
            raise ServiceUnavailable
        self.sent_at.update({row.id: at for row in batch.rows})

    def give_back(self, turn: object | None) -> None:
        """End the turn."""
        if turn is not None and turn is self.borrower:
            self.borrower = None

    def cut_off(self) -> None:
        """Take the lock from its borrower, whose messages will be lent again."""
        self.borrower = None

    def prune(self, sent_before: datetime, limit: int) -> int:
        """Delete messages that were sent before then and whose dedup window is over."""
        kept = {id_ for id_, until in self._dedup_until.values() if until >= sent_before}
        old = [
            id_
            for id_, at in self.sent_at.items()
            if at < sent_before and id_ not in self.pruned | kept
        ][:limit]
        self.pruned.update(old)
        for key, uses in list(self._quota_uses.items()):
            self._quota_uses[key] = [until for until in uses if until >= sent_before]
        return len(old)

    def _rows(self) -> Iterable[OutboxRow]:
        for id_, message in enumerate(self.messages, 1):
            yield OutboxRow(OutboxId(id_), f"message {id_}", message)

    def _is_duplicate(self, message: OutboxMessage, at: datetime) -> bool:
        if message.dedup_key is None or message.dedup_key not in self._dedup_until:
            return False
        return self._dedup_until[message.dedup_key][1] > at

    def _is_used_up(self, quota: Quota, at: datetime) -> bool:
        uses = self._quota_uses.get(quota.key, ())
        return sum(until > at for until in uses) >= quota.most

    def _open_window(self, message: OutboxMessage, at: datetime) -> None:
        if message.dedup_key is not None:
            until = at + timedelta(seconds=message.dedup_window)
            self._dedup_until[message.dedup_key] = OutboxId(len(self.messages)), until


@dataclass(frozen=True)
class InMemoryOutbox:
    """One process's view of the table."""

    table: OutboxTable
    clock: Clock

    @asynccontextmanager
    async def batch(self, *, limit: int) -> AsyncIterator[OutboxBatch]:
        """Lend the oldest unsent messages; mark them sent if the block succeeds."""
        batch, turn = self.table.borrow(limit, now=self.clock.now())
        try:
            yield batch
            self.table.mark_sent(batch, turn, self.clock.now())
        finally:
            self.table.give_back(turn)

    @asynccontextmanager
    async def wakeups(self) -> AsyncIterator[AsyncIterator[None]]:
        """Listen to the table."""
        inserted = asyncio.Event()
        self.table.listeners.append(inserted)
        try:
            async with aclosing(_notifications(inserted)) as notifications:
                yield notifications
        finally:
            self.table.listeners.remove(inserted)

    async def raise_fence(self, above: RelayFence) -> None:
        """Make the next batch's fence higher."""
        self.table.raise_fence(above)

    async def prune(self, *, sent_before: datetime, limit: int) -> int:
        """Delete messages that were sent before then and whose dedup window is over."""
        return self.table.prune(sent_before, limit)


async def _notifications(inserted: asyncio.Event) -> AsyncGenerator[None, None]:
    while True:
        await inserted.wait()
        inserted.clear()
        yield


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
