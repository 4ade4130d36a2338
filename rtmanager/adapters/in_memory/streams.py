"""The stream store in memory: its content, the job consumer and the message publisher."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, MalformedJob, StartJob, StopJob
from rtmanager.domain.ports.outbox import OutboxBatch, RelayFence, StaleBatch


@dataclass(frozen=True, slots=True)
class MemoryDeadJob:
    """A copy of an entry that was dead-lettered."""

    entry: JobEntry
    fault: str


@dataclass(kw_only=True)
class InMemoryStreams:
    """Jobs, dead letters and published messages, open to inspection.

    All processes of a simulation share it. `unread` and `pending` are the consumer group's view,
    oldest first, and `owners` the consumers of the pending ones; reading recreates a lost group.
    """

    jobs: list[JobEntry] = field(default_factory=list)
    unread: list[JobEntry] = field(default_factory=list)
    pending: list[JobEntry] = field(default_factory=list)
    owners: dict[JobEntry, object] = field(default_factory=dict)
    dead: list[MemoryDeadJob] = field(default_factory=list)
    published: list[OutboxMessage] = field(default_factory=list)
    markers: set[str] = field(default_factory=set)
    fence: int = 0
    _added: int = field(default=0, init=False)

    def add(self, kind: JobKind, job: StartJob | StopJob | MalformedJob) -> JobEntry:
        """Add a job like the Lobby does; return its entry."""
        self._added += 1
        entry = JobEntry(kind, f"{self._added}-0", job)
        self.jobs.append(entry)
        self.unread.append(entry)
        return entry

    def flush(self) -> None:
        """Lose everything, like a store that was flushed or replaced; ids keep growing."""
        for content in (self.jobs, self.unread, self.pending, self.dead, self.published):
            content.clear()
        self.markers.clear()
        self.fence = 0

    def lose_group(self) -> None:
        """Lose the group, and what it knew of deliveries; the entries stay."""
        self.unread[:] = self.jobs
        self.pending.clear()


@dataclass(eq=False)
class InMemoryJobStream:
    """One process's consumer.

    An entry whose delivery was lost stays pending until it is reclaimed.
    """

    streams: InMemoryStreams
    clock: Clock
    maxlen: int = 100_000
    _reclaimed: list[JobEntry] = field(default_factory=list, init=False)

    async def reclaim(self) -> None:
        """Take over every entry that was delivered and not acknowledged."""
        self._take_over()

    async def read(self, *, count: int, block: float) -> Sequence[JobEntry]:
        """Return at most `count` entries, oldest first."""
        if not self._reclaimed and not self.streams.unread:
            await self.clock.sleep(block)
        if any(self.streams.owners.get(each) is not self for each in self.streams.pending):
            self._take_over()
            return []
        return self._deliver(count)

    async def acknowledge(self, entries: Sequence[JobEntry]) -> None:
        """Remove the entries from the pending list."""
        for entry in entries:
            self._drop(entry)

    async def dead_letter(self, entry: JobEntry, fault: str) -> None:
        """Add a dead letter for the entry and acknowledge it."""
        if self._drop(entry):
            self.streams.dead.append(MemoryDeadJob(entry, fault))

    async def oldest(self) -> Mapping[JobKind, str | None]:
        """Return the id of each kind's oldest entry."""
        jobs = self.streams.jobs
        return {
            kind: next((each.entry_id for each in jobs if each.kind is kind), None)
            for kind in JobKind
        }

    async def trim(self) -> int:
        """Drop the oldest acknowledged entries if there are too many."""
        jobs, needed = self.streams.jobs, {*self.streams.pending, *self.streams.unread}
        excess = max(0, len(jobs) - self.maxlen)
        done = {*[each for each in jobs if each not in needed][:excess]}
        jobs[:] = [each for each in jobs if each not in done]
        return len(done)

    def _take_over(self) -> None:
        self._reclaimed = list(self.streams.pending)
        self.streams.owners = dict.fromkeys(self._reclaimed, self)

    def _deliver(self, count: int) -> list[JobEntry]:
        again, self._reclaimed = self._reclaimed[:count], self._reclaimed[count:]
        fresh = self.streams.unread[: count - len(again)]
        del self.streams.unread[: len(fresh)]
        self.streams.pending.extend(fresh)
        self.streams.owners.update(dict.fromkeys(fresh, self))
        return [*again, *fresh]

    def _drop(self, entry: JobEntry) -> bool:
        if entry not in self.streams.pending:
            return False
        self.streams.pending.remove(entry)
        return True


@dataclass(frozen=True)
class InMemoryMessagePublisher:
    """Publishes each message once, by its marker."""

    streams: InMemoryStreams

    async def publish(self, batch: OutboxBatch) -> None:
        """Add the messages that were not added before."""
        if batch.fence < self.streams.fence:
            raise StaleBatch(highest=RelayFence(self.streams.fence))
        self.streams.fence = batch.fence
        for row in batch.rows:
            if row.token not in self.streams.markers:
                self.streams.markers.add(row.token)
                self.streams.published.append(row.message)
