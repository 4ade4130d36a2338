"""The Lobby's two job streams in Redis, merged into one order."""

import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress

from opentelemetry import metrics

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.consumer_group import (
    FIRST,
    NEW,
    ConsumerGroup,
    GroupLostError,
    Stretch,
)
from rtmanager.adapters.redis.entry_scripts import RawEntry
from rtmanager.adapters.redis.stream_entries import DeadOrigin, dead_letter, job_entry
from rtmanager.adapters.redis.streams import Channel, StreamLayout, StreamSchemas
from rtmanager.domain.errors import InternalError, ServiceUnavailable
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, entry_order

MAX_BLOCK = 1.0
"""Seconds that a read waits at most; it must end well before the client's socket times out."""

logger = logging.getLogger(__name__)

_malformed = metrics.get_meter(__name__).create_counter(
    "rtmanager.jobs.malformed",
    unit="{job}",
    description="Jobs that were dead-lettered because they are malformed, by their stream.",
)


class RedisJobStream:
    """Reads both streams as one consumer of a group, oldest entry first.

    The server applies `count` to each stream, so with a backlog the entries of one stream may be
    much younger than those of the other. Delivered entries are therefore kept here until it is
    certain that the other stream has no older one. Reclaimed entries are also read page by page,
    since any number may be pending.
    """

    def __init__(
        self, client: RedisClient, schemas: StreamSchemas, layout: StreamLayout, *, group: str
    ) -> None:
        self._group = ConsumerGroup(client, group=group)
        self._schemas = schemas
        self._streams = dict(layout.jobs)
        self._layout = layout
        self._waiting: dict[JobKind, deque[RawEntry]] = {kind: deque() for kind in layout.jobs}
        self._after: dict[JobKind, str] = dict.fromkeys(layout.jobs, NEW)
        self._delivered: dict[JobKind, str] = dict.fromkeys(layout.jobs, FIRST)

    async def reclaim(self) -> None:
        """Take over every entry that was delivered and not acknowledged."""
        try:
            await self._claim()
        except GroupLostError:
            await self._create_groups()

    async def read(self, *, count: int, block: float) -> Sequence[JobEntry]:
        """Return at most `count` entries, oldest first."""
        try:
            drained = await self._fetch(count, block)
            if drained is None:
                # A former leader received some late: they are older than the entries we have now.
                await self._claim()
                return []
        except GroupLostError:
            await self._create_groups()
            logger.warning("job_streams_recreated", extra={"streams": list(self._streams.values())})
            return []
        return [job_entry(kind, entry, self._schemas) for kind, entry in self._take(count, drained)]

    async def acknowledge(self, entries: Sequence[JobEntry]) -> None:
        """Remove the entries from the pending list."""
        for kind, stream in self._streams.items():
            with suppress(GroupLostError):
                await self._group.acknowledge(
                    stream, [each.entry_id for each in entries if each.kind is kind]
                )

    async def dead_letter(self, entry: JobEntry, fault: str) -> None:
        """Add a dead letter for the entry and acknowledge it."""
        stream = self._streams[entry.kind]
        with suppress(GroupLostError):
            found = await self._group.find(stream, entry.entry_id)
            pairs, left_out = (found.pairs, found.left_out) if found else ((), 0)
            letter = dead_letter(
                DeadOrigin.JOB, stream, entry.entry_id, fault, pairs, left_out=left_out
            )
            if wrong := self._schemas.fault(Channel.DEAD_JOBS, letter):
                raise InternalError(f"dead letter for {entry.entry_id}: {wrong}")
            await self._group.dead_letter(
                stream,
                entry.entry_id,
                to=self._layout.dead,
                maxlen=self._layout.maxlen,
                fields=[part for pair in letter.items() for part in pair],
            )
            _malformed.add(1, {"stream": stream})

    async def oldest(self) -> Mapping[JobKind, str | None]:
        """Return the id of each stream's oldest entry."""
        return {kind: await self._group.oldest(name) for kind, name in self._streams.items()}

    async def trim(self) -> int:
        """Drop acknowledged entries from streams that are too long."""
        dropped = 0
        for stream in self._streams.values():
            with suppress(GroupLostError):
                dropped += await self._group.trim(stream, maxlen=self._layout.maxlen)
        return dropped

    async def _claim(self) -> None:
        for kind, stream in self._streams.items():
            self._waiting[kind].clear()
            self._after[kind] = FIRST
            _report(stream, await self._group.claim_all(stream))
            await self._group.forget_idle_consumers(stream)

    async def _create_groups(self) -> None:
        for stream in self._streams.values():
            try:
                await self._group.create(stream)
            except GroupLostError as error:
                raise ServiceUnavailable("Redis keeps losing the consumer group") from error

    async def _fetch(self, count: int, block: float) -> set[JobKind] | None:
        """Read the streams without a kept entry; return those that had no more.

        Returns None, having read nothing, while another consumer has pending entries.
        Reads again when a stream only reached the end of its pending entries: it may have new ones.
        """
        give_up = time.monotonic() + min(block, MAX_BLOCK)
        while hungry := [kind for kind, entries in self._waiting.items() if not entries]:
            drained = await self._read(hungry, count)
            if drained is None:
                return None
            if not all(self._waiting[kind] or kind in drained for kind in hungry):
                continue
            if len(drained) < len(self._streams) or any(self._waiting.values()):
                return drained
            if not await self._wait(give_up - time.monotonic()):
                return drained
        return set()

    async def _wait(self, seconds: float) -> bool:
        """Wait until there is something to read that the last read did not find."""
        if seconds <= 0:
            return False
        after = {self._streams[kind]: self._delivered[kind] for kind in self._streams}
        return await self._group.wait(after, seconds=seconds)

    async def _read(self, kinds: Sequence[JobKind], count: int) -> set[JobKind] | None:
        """Read and keep entries of these streams; return those that had no more."""
        after = {
            stream: self._after[kind] if kind in kinds else None
            for kind, stream in self._streams.items()
        }
        answer = await self._group.read(after, count=count)
        if answer is None:
            return None
        return {kind for kind in kinds if await self._keep(kind, answer[self._streams[kind]])}

    async def _keep(self, kind: JobKind, read: Stretch) -> bool:
        """Keep the entries; return whether the stream has no more: it was asked for new ones."""
        entries, was_new = read.entries, self._after[kind] == NEW
        self._delivered[kind] = read.delivered
        if not was_new:
            self._after[kind] = entries[-1].id if entries else NEW
        self._waiting[kind].extend(each for each in entries if each.pairs)
        # Servers before version 7 also return pending entries that were trimmed.
        trimmed = [each.id for each in entries if not each.pairs]
        await self._group.acknowledge(self._streams[kind], trimmed)
        _report(self._streams[kind], trimmed)
        return was_new and not read.has_more

    def _take(self, count: int, drained: set[JobKind]) -> list[tuple[JobKind, RawEntry]]:
        """Take the oldest entries, as long as no stream can have older unread ones.

        An entry added to a drained stream later gets an id from the server's clock, and is younger
        than all others.
        """
        bounds = [
            entry_order(entries[-1].id)
            for kind, entries in self._waiting.items()
            if entries and kind not in drained
        ]
        certain = [
            (kind, entry)
            for kind, entries in self._waiting.items()
            for entry in entries
            if not bounds or entry_order(entry.id) <= min(bounds)
        ]
        oldest = sorted(certain, key=lambda each: entry_order(each[1].id))[:count]
        for kind, _ in oldest:
            self._waiting[kind].popleft()
        return oldest


def _report(stream: str, trimmed: Sequence[str]) -> None:
    if trimmed:
        fields = {"stream": stream, "jobs": len(trimmed), "first_entry_id": trimmed[0]}
        logger.error("pending_jobs_trimmed", extra=fields)
