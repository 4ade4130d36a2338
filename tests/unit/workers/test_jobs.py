import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import cast

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.streams import InMemoryJobStream, InMemoryStreams
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, StartJob, StopJob
from rtmanager.workers import jobs as consumer_module
from rtmanager.workers.jobs import JobConsumer
from tests.unit.workers.turns import running, turns, until


class Desk:
    """Streams, a consumer on them, and a handler that the test controls."""

    def __init__(self, *, games_at_once: int = 4) -> None:
        self.streams, self.clock = InMemoryStreams(), ManualClock()
        self.jobs = with_faults(InMemoryJobStream(self.streams, self.clock), "jobs", self._fault)
        self.consumer = JobConsumer(
            self.jobs, cast("HandleJob", self), self._ready, self.clock, games_at_once
        )
        self.handled: list[str] = []
        self.tried: list[str] = []
        self.batches: list[list[str]] = []
        self.tried_at: list[float] = []
        self.now_at_work: Counter[str] = Counter()
        self.most_at_work = 0
        self.doubled = False
        self.held: dict[str, asyncio.Event] = {}
        self.faults: dict[str, int] = {}
        self.calls: Counter[str] = Counter()
        self.away: set[str] = set()
        self.at_end: Callable[[], Awaitable[None]] | None = None

    def start(self, game: str) -> JobEntry:
        """Add a start job."""
        return self.streams.add(JobKind.START, StartJob(game, "galaxy/game:1.4.7"))

    def stop(self, game: str) -> JobEntry:
        """Add a stop job."""
        return self.streams.add(JobKind.STOP, StopJob(game, StopReason.FINISHED))

    async def run(self, entries: Sequence[JobEntry]) -> int:
        """Handle the entries as HandleJob does: one of a game that is held is real work."""
        self.batches.append([each.entry_id for each in entries])
        for done, entry in enumerate(entries):
            is_work = (entry.job.game_id or "") in self.held
            try:
                await self._handle(entry)
            except ServiceUnavailable:
                if not done:
                    raise
                return done
            if is_work:
                return done + 1
        return len(entries)

    async def _handle(self, entry: JobEntry) -> None:
        game = entry.job.game_id or ""
        self.tried.append(entry.entry_id)
        self.tried_at.append(self.clock.monotonic())
        self.now_at_work[game] += 1
        self.most_at_work = max(self.most_at_work, self.now_at_work.total())
        self.doubled = self.doubled or self.now_at_work[game] > 1
        try:
            await self._work(entry, game)
        finally:
            self.now_at_work[game] -= 1
        await self.jobs.acknowledge([entry])
        if at_end := self.at_end:
            self.at_end = None
            await at_end()
        self.handled.append(entry.entry_id)

    async def redeliver(self) -> None:
        """Delete the group, and let the consumer read all entries again."""
        self.streams.lose_group()
        await until(lambda: bool(self.streams.pending))
        await turns(20)

    async def _work(self, entry: JobEntry, game: str) -> None:
        if event := self.held.get(game):
            await event.wait()
        await asyncio.sleep(0)
        if self.faults.get(entry.entry_id, 0):
            self.faults[entry.entry_id] -= 1
            raise ServiceUnavailable

    async def _ready(self) -> None:
        self.calls["ready"] += 1
        if event := self.held.get("ready"):
            await event.wait()
        if "ready" in self.away:
            raise ServiceUnavailable

    async def _fault(self, call: str) -> None:
        self.calls[call] += 1
        if call in self.away:
            raise ServiceUnavailable


@pytest.fixture
def desk() -> Desk:
    """Return streams without jobs."""
    return Desk()


async def test_jobs_of_a_game_keep_their_order_across_both_streams(desk: Desk) -> None:
    """A game's jobs are handled one after the other, never two at once."""
    jobs = [desk.start("g1"), desk.stop("g1"), desk.start("g1"), desk.stop("g1")]

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 4)

    assert desk.handled == [job.entry_id for job in jobs]
    assert not desk.doubled


async def test_games_are_handled_side_by_side_and_bounded() -> None:
    """Games are handled concurrently up to the configured limit."""
    desk = Desk(games_at_once=3)
    for number in range(10):
        desk.start(f"g{number}")

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 10)

    assert desk.most_at_work == 3


async def test_slow_game_does_not_hold_up_the_others(desk: Desk) -> None:
    """A pull of several minutes delays only its own game."""
    desk.held["slow"] = asyncio.Event()
    slow, later = desk.start("slow"), desk.stop("slow")
    quick = desk.start("quick")

    async with running(desk.consumer.run()):
        await until(lambda: desk.handled == [quick.entry_id])
        desk.held["slow"].set()
        await until(lambda: len(desk.handled) == 3)

    assert desk.handled[1:] == [slow.entry_id, later.entry_id]


async def test_what_was_left_pending_is_taken_over_first(desk: Desk) -> None:
    """A new leader begins with what the previous one left pending."""
    left = desk.start("g1")
    await InMemoryJobStream(desk.streams, desk.clock).read(count=10, block=0)
    added = desk.stop("g1")

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 2)

    assert desk.handled == [left.entry_id, added.entry_id]


async def test_job_that_fails_is_tried_again_before_the_games_next(desk: Desk) -> None:
    """A failed job is retried, never skipped."""
    first, second = desk.start("g1"), desk.stop("g1")
    desk.faults[first.entry_id] = 2

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 2)

    assert desk.tried == [first.entry_id] * 3 + [second.entry_id]


async def test_job_that_keeps_failing_is_tried_less_and_less(desk: Desk) -> None:
    """Retries slow down in an outage, and its end is noticed within seconds."""
    job = desk.start("g1")
    desk.faults[job.entry_id] = 10

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 1)

    # The reader's own waits advance the clock as well, by one block each.
    pauses = [after - before for before, after in pairwise(desk.tried_at)]
    assert pauses[0] < 2 * consumer_module.BLOCK
    assert consumer_module.MAX_PAUSE <= pauses[-1] < 2 * consumer_module.MAX_PAUSE


@pytest.mark.parametrize("away", ["ready", "jobs.reclaim", "jobs.read"])
async def test_nothing_is_read_while_something_is_away(desk: Desk, away: str) -> None:
    """Jobs stay in their streams during an outage and are read afterwards."""
    job = desk.start("g1")
    desk.away.add(away)

    async with running(desk.consumer.run()):
        await until(lambda: desk.consumer.status.failures > 5)
        assert list(desk.streams.unread) == [job]
        desk.away.clear()
        await until(lambda: desk.handled == [job.entry_id])

    assert desk.consumer.status.failures_in_a_row == 0


async def test_job_that_comes_waits_for_no_dependency(desk: Desk) -> None:
    """That all are available was found out while the reader waited for the job."""
    async with running(desk.consumer.run()):
        await until(lambda: desk.calls["jobs.read"] > 3)
        desk.held["ready"] = asyncio.Event()
        job = desk.start("g1")
        await until(lambda: desk.handled == [job.entry_id])


async def test_job_that_was_read_ahead_waits_while_something_is_away(desk: Desk) -> None:
    """A job that was read ahead is not attempted during an outage, when it would fail."""
    desk.held["g1"] = asyncio.Event()
    first, second = desk.start("g1"), desk.stop("g1")

    async with running(desk.consumer.run()):
        await until(lambda: desk.tried == [first.entry_id])
        desk.away.add("ready")
        desk.clock.advance(2 * consumer_module.READY_FOR)
        desk.held["g1"].set()
        await until(lambda: desk.consumer.status.failures > 5)
        assert desk.tried == [first.entry_id]
        desk.away.clear()
        await until(lambda: len(desk.handled) == 2)

    assert list(dict.fromkeys(desk.tried)) == [first.entry_id, second.entry_id]


async def test_delivery_that_was_lost_is_fetched(desk: Desk) -> None:
    """Entries whose delivery was lost are reclaimed."""
    first, second = desk.start("g1"), desk.stop("g1")
    desk.away.add("jobs.read:done")

    async with running(desk.consumer.run()):
        await until(lambda: desk.consumer.status.failures > 1)
        desk.away.clear()
        await until(lambda: len(desk.handled) == 2)

    assert desk.handled == [first.entry_id, second.entry_id]


async def test_entry_that_comes_again_while_at_work_is_handled_again_after(desk: Desk) -> None:
    """It is handled again afterwards, as the first handling may not have acknowledged it."""
    desk.held["g1"] = asyncio.Event()
    job = desk.start("g1")

    async with running(desk.consumer.run()):
        await until(lambda: desk.tried == [job.entry_id])
        before = desk.calls["jobs.reclaim"]
        desk.away.add("jobs.read")
        await until(lambda: desk.calls["jobs.reclaim"] > before)
        desk.away.clear()
        await turns(200)
        desk.held["g1"].set()
        await until(lambda: bool(desk.handled))
        await turns(200)

    assert desk.tried == [job.entry_id] * 2
    assert not desk.doubled


async def test_entry_that_comes_again_once_it_is_acknowledged_does_not_stay(desk: Desk) -> None:
    """An entry redelivered just before its acknowledgement does not stay pending."""
    desk.start("g1")
    desk.at_end = desk.redeliver

    async with running(desk.consumer.run()):
        await until(lambda: bool(desk.handled))
        await turns(200)

    assert list(desk.streams.pending) == []


async def test_reading_ahead_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting jobs stay in the streams instead of filling memory."""
    monkeypatch.setattr(consumer_module, "MAX_WAITING", 10)
    monkeypatch.setattr(consumer_module, "BATCH", 5)
    desk = Desk()
    games = [f"g{number}" for number in range(100)]
    desk.held = {game: asyncio.Event() for game in games}
    for game in games:
        desk.start(game)

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.streams.pending) == 10)
        await turns(500)
        assert len(desk.streams.pending) == 10
        for event in desk.held.values():
            event.set()
        await until(lambda: len(desk.handled) == 100)

    assert list(desk.streams.pending) == []


async def test_trap_one_stuck_game_blocks_all_jobs(desk: Desk) -> None:
    """Jobs behind those of a stuck game are handled, and its own later."""
    waiting = [desk.start("stuck") for _ in range(600)]
    behind = [desk.start("quick") for _ in range(3)]
    desk.faults[waiting[0].entry_id] = 1_000_000

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 3)
        assert desk.handled == [job.entry_id for job in behind]
        desk.faults.clear()
        await until(lambda: len(desk.handled) == 603)

    assert desk.handled[3:] == [job.entry_id for job in waiting]
    assert not desk.doubled
    assert list(desk.streams.pending) == []


async def test_trap_one_stuck_game_blocks_all_jobs_and_so_do_many(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs that wait for stuck games block nothing, however many they are."""
    monkeypatch.setattr(consumer_module, "MAX_WAITING", 10)
    stuck = [desk.start(f"stuck{number}") for number in range(30) for _ in range(5)]
    desk.faults = {job.entry_id: 1_000_000 for job in stuck}
    behind = desk.start("quick")

    async with running(desk.consumer.run()):
        await until(lambda: desk.handled == [behind.entry_id])
        desk.faults.clear()
        await until(lambda: len(desk.handled) == 151)

    assert list(desk.streams.pending) == []


async def test_few_jobs_of_a_game_are_held_in_memory(desk: Desk) -> None:
    """A game's other jobs stay pending and are reclaimed a few at a time."""
    rounds = 10
    jobs = [desk.start("g1") for _ in range(rounds * consumer_module.MAX_PER_GAME)]

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == len(jobs))

    assert desk.tried == [job.entry_id for job in jobs]
    assert desk.calls["jobs.reclaim"] == rounds


async def test_newer_job_of_a_game_that_overflows_waits_behind_the_older(desk: Desk) -> None:
    """A newer job waits its turn even if there is room for it by then."""
    desk.held["slow"] = asyncio.Event()
    older = [desk.start("slow") for _ in range(consumer_module.MAX_PER_GAME + 5)]

    async with running(desk.consumer.run()):
        await until(lambda: not desk.streams.unread)
        await turns(100)
        desk.held["slow"].set()
        await until(lambda: len(desk.handled) == 3)
        newer = desk.stop("slow")
        await until(lambda: len(desk.handled) == len(older) + 1)

    assert desk.handled == [job.entry_id for job in [*older, newer]]


async def test_job_that_was_queued_when_it_came_again_is_handled_once(desk: Desk) -> None:
    """Reclaiming does not make other games' queued jobs run twice."""
    desk.held["slow"] = asyncio.Event()
    slow = [desk.start("slow") for _ in range(3)]
    many = [desk.start("many") for _ in range(consumer_module.MAX_PER_GAME * 2)]

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == len(many))
        await turns(200)
        desk.held["slow"].set()
        await until(lambda: len(desk.handled) == len(many) + 3)

    assert Counter(desk.tried)[slow[0].entry_id] == 2
    assert Counter(desk.tried)[slow[1].entry_id] == 1
    assert Counter(desk.tried)[slow[2].entry_id] == 1


async def test_reclaim_that_fails_is_tried_again(desk: Desk) -> None:
    """A reclaim that failed in an outage is retried."""
    many = [desk.start("many") for _ in range(consumer_module.MAX_PER_GAME * 2)]

    async with running(desk.consumer.run()):
        await until(lambda: bool(desk.handled))
        desk.away.add("jobs.reclaim")
        await until(lambda: desk.consumer.status.failures > 2)
        desk.away.clear()
        await until(lambda: len(desk.handled) == len(many))

    assert desk.handled == [job.entry_id for job in many]


async def test_consumer_that_runs_again_reclaims_what_was_cut_off(desk: Desk) -> None:
    """After regaining leadership the consumer reclaims the jobs that were cut off."""
    desk.held["g1"] = asyncio.Event()
    first, second = desk.start("g1"), desk.stop("g1")
    async with running(desk.consumer.run()):
        await until(lambda: desk.tried == [first.entry_id])
    desk.held["g1"].set()

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 2)

    assert desk.handled == [first.entry_id, second.entry_id]


async def test_game_that_waits_for_its_next_try_leaves_its_place_to_others() -> None:
    """A game that waits for a retry does not occupy the only place."""
    desk = Desk(games_at_once=1)
    desk.consumer.clock = ManualClock(auto=False)
    stuck = desk.start("stuck")
    desk.faults[stuck.entry_id] = 1_000

    async with running(desk.consumer.run()):
        await until(lambda: desk.tried == [stuck.entry_id])
        await turns(20)
        other = desk.start("other")
        await until(lambda: desk.handled == [other.entry_id])

    assert desk.tried == [stuck.entry_id, other.entry_id]


async def test_nothing_is_read_while_something_that_jobs_need_is_away(desk: Desk) -> None:
    """During an outage jobs stay in the streams, where other replicas see them."""
    desk.start("g1")
    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 1)
        desk.away.add("ready")
        asked = desk.calls["ready"]
        await until(lambda: desk.calls["ready"] > asked)
        reads = desk.calls["jobs.read"]
        desk.start("g2")
        await until(lambda: desk.calls["ready"] > asked + 5)

    assert desk.calls["jobs.read"] == reads


async def test_queued_jobs_of_a_game_are_handed_over_together(desk: Desk) -> None:
    """What waits for a game is handed over in order, in one piece; other games are separate."""
    jobs = [desk.start("g1"), desk.stop("g1"), desk.start("g2"), desk.start("g1")]

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 4)

    first, second, other, third = (job.entry_id for job in jobs)
    assert sorted(desk.batches) == sorted([[first, second, third], [other]])


async def test_jobs_after_one_that_takes_long_are_handed_over_again(desk: Desk) -> None:
    """The handler may return after some of the jobs; the others keep their place."""
    desk.held["g1"] = asyncio.Event()
    desk.held["g1"].set()
    jobs = [desk.start("g1").entry_id for _ in range(3)]

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) == 3)

    assert desk.batches == [jobs, jobs[1:], jobs[2:]]


async def test_only_the_entries_that_come_again_are_handled_again(desk: Desk) -> None:
    """Those of the same piece that did not come again are done."""
    jobs = [desk.start("g1").entry_id for _ in range(3)]
    desk.at_end = desk.redeliver

    async with running(desk.consumer.run()):
        await until(lambda: len(desk.handled) >= 3)
        await turns(200)

    assert desk.tried[:3] == jobs
    assert list(desk.streams.pending) == []
    assert desk.batches[0] == jobs


async def test_reading_on_is_slower_while_a_busy_game_has_more_than_it_may_queue(
    desk: Desk,
) -> None:
    """What is skipped is read again: reading as fast as possible would cost more than the jobs."""
    desk.held["busy"] = asyncio.Event()
    for _ in range(consumer_module.MAX_PER_GAME + 10 * consumer_module.BATCH):
        desk.start("busy")
    other = desk.start("other")

    async with running(desk.consumer.run()):
        await until(lambda: desk.handled == [other.entry_id])

    assert desk.clock.monotonic() >= 9 * consumer_module.SHORT_BLOCK
