"""Consuming jobs from the streams: many games concurrently, each game in order."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, JobStream
from rtmanager.tasks import raise_if_cancelled
from rtmanager.workers.worker import WorkerStatus

BLOCK = 1.0
MIN_BLOCK = 0.01
SHORT_BLOCK = 0.1
"""Seconds between reads while some entries are left pending and will be reclaimed soon."""
BATCH = 500
MAX_WAITING = 2_000
MAX_PER_GAME = 200
AT_ONCE = 50
"""Entries of a game that are handed over together: what changes nothing is decided at once."""
MIN_PAUSE = 0.2
MAX_PAUSE = 5.0
READY_FOR = 0.5
"""Seconds for which a successful `ready` is valid."""
RENEW_AFTER = 0.4
"""Seconds after which the reader calls it again, so that no job that comes has to wait for it."""

Queue = deque[JobEntry]
Key = tuple[JobKind, str]


@dataclass(slots=True)
class JobConsumer:
    """Runs only in the leader, so that a game's jobs keep their order.

    It reads only a little ahead: jobs are safe in their streams. `ready` is called between reads
    and from time to time between jobs, and raises while a dependency of jobs is unavailable. A job
    that cannot be finished now is retried, and the game's later jobs wait for it: a few in memory,
    the others pending in their streams, so that jobs of other games are still read.
    """

    jobs: JobStream
    handle: HandleJob
    ready: Callable[[], Awaitable[None]]
    clock: Clock
    games_at_once: int
    status: WorkerStatus = field(default_factory=lambda: WorkerStatus("jobs"), init=False)
    _queues: dict[str, Queue] = field(default_factory=dict, init=False)
    _taken: set[Key] = field(default_factory=set, init=False)
    _again: set[Key] = field(default_factory=set, init=False)
    _stuck: set[str] = field(default_factory=set, init=False)
    _overflowing: set[str] = field(default_factory=set, init=False)
    _must_reclaim: bool = field(default=False, init=False)
    _ready_at: float = field(default=-math.inf, init=False)
    _room: asyncio.Condition = field(default_factory=asyncio.Condition, init=False)

    async def run(self) -> None:
        """Consume until cancelled."""
        for content in (self._queues, self._taken, self._again, self._stuck, self._overflowing):
            content.clear()
        places = asyncio.Semaphore(self.games_at_once)
        async with asyncio.TaskGroup() as games:

            def begin(queue: Queue, game: str) -> None:
                games.create_task(self._work(game, queue, places), name=f"jobs of {game}")

            await self._consume_for_ever(begin)

    async def _consume_for_ever(self, begin: Callable[[Queue, str], None]) -> None:
        pause = MIN_PAUSE
        while True:
            raise_if_cancelled()
            try:
                await self._demand_ready()
                await self._reclaim()
                pause = MIN_PAUSE
                await self._read_for_ever(begin)
            except Exception as error:  # noqa: BLE001 - jobs wait until the dependency is back
                self.status.failed(self.clock.now(), error)
            await self.clock.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE)

    async def _read_for_ever(self, begin: Callable[[Queue, str], None]) -> None:
        while True:
            raise_if_cancelled()
            async with self._room:
                await self._room.wait_for(self._has_room)
            await self._demand_ready(RENEW_AFTER)
            if self._must_reclaim:
                await self._reclaim()
            self._take(await self.jobs.read(count=BATCH, block=self._block()), begin)
            self.status.succeeded(self.clock.now())
            if self._overflowing - self._stuck:
                # Most of what comes next is its too: it would be skipped now, and read again soon.
                await self.clock.sleep(SHORT_BLOCK)

    def _block(self) -> float:
        """Return for how many seconds to wait for new entries."""
        until_renewed = self._ready_at + RENEW_AFTER - self.clock.monotonic()
        return max(MIN_BLOCK, min(until_renewed, SHORT_BLOCK if self._overflowing else BLOCK))

    async def _reclaim(self) -> None:
        """Have all pending entries read again, including those that were skipped."""
        self._must_reclaim = False
        await self.jobs.reclaim()
        self._overflowing.clear()

    def _has_room(self) -> bool:
        """Return whether to read more, not counting jobs that wait for a stuck game."""
        stuck = sum(len(self._queues[game]) for game in self._stuck)
        return len(self._taken) - stuck < MAX_WAITING

    def _take(self, entries: Iterable[JobEntry], begin: Callable[[Queue, str], None]) -> None:
        """Queue entries that are not queued yet; start a task for a game without a queue."""
        for entry in entries:
            game = entry.job.game_id or ""
            if _key(entry) in self._taken:
                self._again.add(_key(entry))
            elif self._admits(game):
                self._taken.add(_key(entry))
                if game not in self._queues:
                    self._queues[game] = deque()
                    begin(self._queues[game], game)
                self._queues[game].append(entry)

    def _admits(self, game: str) -> bool:
        """Return whether to queue the entry; if too many wait, this and later ones stay pending."""
        if len(self._queues.get(game, ())) >= MAX_PER_GAME:
            self._overflowing.add(game)
        return game not in self._overflowing

    async def _work(self, game: str, queue: Queue, places: asyncio.Semaphore) -> None:
        """Handle a game's entries in order until there are none."""
        pause = MIN_PAUSE
        while queue:
            raise_if_cancelled()
            async with places:
                done = await self._try([*islice(queue, AT_ONCE)])
            if done:
                pause = MIN_PAUSE
                self._stuck.discard(game)
                await self._forget(queue, done)
            else:
                # Its slot is free during the pause, so that a stuck game does not block the others.
                self._stuck.add(game)
                await self._announce_room()
                await self.clock.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
        del self._queues[game]
        self._must_reclaim = self._must_reclaim or game in self._overflowing

    async def _try(self, entries: Sequence[JobEntry]) -> int:
        """Handle the entries; return how many of the first are done, 0 if the first cannot be."""
        try:
            await self._demand_ready()
            self._again.difference_update(map(_key, entries))
            return await self.handle.run(entries)
        except Exception as error:  # noqa: BLE001 - the entry is not acknowledged, and is retried
            self.status.failed(self.clock.now(), error)
            return 0

    async def _demand_ready(self, valid_for: float = READY_FOR) -> None:
        """Raise while a dependency is unavailable, without calling `ready` for every job."""
        now = self.clock.monotonic()
        if now - self._ready_at >= valid_for:
            await self.ready()
            self._ready_at = now

    async def _forget(self, queue: Queue, done: int) -> None:
        """Remove the first entries from the queue, except those that must be handled again.

        An entry may be read again while it is handled, even after it was acknowledged.
        """
        entries = [queue.popleft() for _ in range(done)]
        again = [each for each in entries if _key(each) in self._again]
        queue.extendleft(reversed(again))
        self._taken.difference_update(_key(each) for each in entries if each not in again)
        await self._announce_room()

    async def _announce_room(self) -> None:
        async with self._room:
            self._room.notify_all()


def _key(entry: JobEntry) -> Key:
    return entry.kind, entry.entry_id
