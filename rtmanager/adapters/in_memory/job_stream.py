"""The job streams in memory, with the deliveries and losses of the Redis ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.adapters.in_memory.streams import InMemoryStreams, MemoryDeadJob
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.job_stream import JobEntry


@dataclass(eq=False)
class InMemoryJobStream:
    """One process's consumer. Gates: `jobs.` and the name of the method.

    An entry whose delivery was lost after the effect stays pending until it is reclaimed.
    """

    streams: InMemoryStreams
    clock: Clock
    maxlen: int = 100_000
    gate: Gate = open_gate
    _reclaimed: list[JobEntry] = field(default_factory=list, init=False)

    async def reclaim(self) -> None:
        """Take over every entry that was delivered and not acknowledged."""
        await self.gate("jobs.reclaim")
        self._take_over()
        await self.gate("jobs.reclaim:done")

    async def read(self, *, count: int, block: float) -> Sequence[JobEntry]:
        """Return at most `count` entries, oldest first."""
        await self.gate("jobs.read")
        if not self._reclaimed and not self.streams.unread:
            await self.clock.sleep(block)
        entries = self._deliver(count)
        await self.gate("jobs.read:delivered")
        if any(self.streams.owners.get(each) is not self for each in self.streams.pending):
            self._take_over()
            entries = []
        await self.gate("jobs.read:done")
        return entries

    async def acknowledge(self, entry: JobEntry) -> None:
        """Take the entry off the pending list."""
        await self.gate("jobs.acknowledge")
        self._drop(entry)
        await self.gate("jobs.acknowledge:done")

    async def dead_letter(self, entry: JobEntry, fault: str) -> None:
        """Copy the entry to the dead letters and acknowledge it."""
        await self.gate("jobs.dead_letter")
        if self._drop(entry):
            self.streams.dead.append(MemoryDeadJob(entry, fault))
        await self.gate("jobs.dead_letter:done")

    async def trim(self) -> int:
        """Drop the oldest acknowledged entries if there are too many."""
        await self.gate("jobs.trim")
        jobs, needed = self.streams.jobs, {*self.streams.pending, *self.streams.unread}
        excess = max(0, len(jobs) - self.maxlen)
        done = {*[each for each in jobs if each not in needed][:excess]}
        jobs[:] = [each for each in jobs if each not in done]
        await self.gate("jobs.trim:done")
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
