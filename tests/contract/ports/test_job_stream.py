import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from rtmanager.adapters.redis import consumer_group
from rtmanager.adapters.system_clock import SystemClock
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, JobStream, StartJob, StopJob
from rtmanager.workers import jobs as consumer_module
from rtmanager.workers.jobs import JobConsumer
from tests.contract.ports.job_streams import MAXLEN, JobWorld, open_jobs


@pytest.fixture(params=["memory", "redis"])
def address(request: pytest.FixtureRequest) -> str | None:
    """Return the server of the streams under test; None for those in memory."""
    return request.getfixturevalue("redis_addr") if request.param == "redis" else None


@pytest.fixture
async def world(address: str | None) -> AsyncIterator[JobWorld]:
    """Return the streams under test, with their groups created."""
    async with open_jobs(address) as opened:
        await opened.here.reclaim()
        yield opened


async def read(jobs: JobStream, count: int = 100) -> Sequence[JobEntry]:
    """Read the entries that are waiting."""
    return await jobs.read(count=count, block=0.01)


async def read_all(jobs: JobStream) -> list[str]:
    """Read until nothing is left; return the ids in their order."""
    ids: list[str] = []
    while entries := await read(jobs, 2):
        ids += [entry.entry_id for entry in entries]
    return ids


def ids_of(entries: Sequence[JobEntry]) -> list[str]:
    """Return the entries' ids."""
    return [entry.entry_id for entry in entries]


async def test_jobs_are_read_as_what_they_are(world: JobWorld) -> None:
    """An entry is read with its kind, id and job."""
    started, stopped = await world.start("go-3"), await world.stop("go-3")

    found = list(await read(world.here))

    assert sorted(found, key=lambda entry: entry.kind) == [
        JobEntry(JobKind.START, started, StartJob("go-3", "galaxy/game:1.4.7")),
        JobEntry(JobKind.STOP, stopped, StopJob("go-3", StopReason.FINISHED)),
    ]


async def test_nothing_to_read_is_no_error(world: JobWorld) -> None:
    """Reading an empty stream waits and returns nothing."""
    assert list(await read(world.here)) == []


async def test_each_entry_is_delivered_once(world: JobWorld) -> None:
    """A delivered entry is not delivered again unless it is reclaimed."""
    ids = [await world.start(f"g{number}") for number in range(6)]

    assert ids_of(await read(world.here, 3)) == ids[:3]
    assert ids_of(await read(world.here)) == ids[3:]
    assert list(await read(world.here)) == []


async def test_at_most_count_entries_are_returned(world: JobWorld) -> None:
    """The count limits the entries of both streams together."""
    for number in range(4):
        await world.start(f"g{number}")
        await world.stop(f"g{number}")

    assert len(await read(world.here, 3)) == 3


async def test_malformed_job_names_its_game_and_its_fault(world: JobWorld) -> None:
    """The fault names the field that is wrong."""
    entry_id = await world.malformed("go-3")

    (entry,) = await read(world.here)

    assert entry.entry_id == entry_id
    assert entry.job.game_id == "go-3"
    assert vars_of(entry)["fault"] == "image_ref is missing"


def vars_of(entry: JobEntry) -> dict[str, object]:
    """Return the fields of the entry's job."""
    return {name: getattr(entry.job, name) for name in entry.job.__slots__}


async def test_entry_that_is_not_acknowledged_is_reclaimed(world: JobWorld) -> None:
    """A new leader reclaims what a dead process has read, oldest first."""
    ids = [await world.start(f"g{number}") for number in range(3)]
    await read(world.there)

    await world.here.reclaim()

    assert await read_all(world.here) == ids


async def test_reclaimed_entry_comes_before_new_ones(world: JobWorld) -> None:
    """A later job does not overtake an earlier one of the same game."""
    first = await world.start("go-3")
    await read(world.there)
    second = await world.stop("go-3")

    await world.here.reclaim()

    assert await read_all(world.here) == [first, second]


async def test_entry_that_a_former_leader_got_late_is_taken_over(world: JobWorld) -> None:
    """An entry that a former leader read late is found, and comes before newer ones."""
    first = await world.start("go-3")
    await read(world.there)
    second = await world.stop("go-3")

    taken_over = [entry for _ in range(3) for entry in await read(world.here)]

    assert ids_of(taken_over) == [first, second]


async def test_late_entry_is_taken_over_when_no_other_comes(world: JobWorld) -> None:
    """A late entry is found without waiting for the next job."""
    entry_id = await world.start("go-3")
    await read(world.there)

    taken_over = [*await read(world.here), *await read(world.here)]

    assert ids_of(taken_over) == [entry_id]


async def test_entry_is_reclaimed_as_often_as_asked(world: JobWorld) -> None:
    """Each new leader reclaims what the previous one left."""
    entry_id = await world.start("go-3")
    await read(world.here)

    for jobs in (world.there, world.here, world.here):
        await jobs.reclaim()
        assert ids_of(await read(jobs)) == [entry_id]


async def test_acknowledged_entry_is_not_reclaimed(world: JobWorld) -> None:
    """An acknowledged entry is never reclaimed."""
    await world.start("go-3")
    (entry,) = await read(world.here)
    await world.here.acknowledge([entry])

    await world.there.reclaim()

    assert list(await read(world.there)) == []


async def test_acknowledging_again_is_a_no_op(world: JobWorld) -> None:
    """Two processes may acknowledge the same redelivered job."""
    await world.start("go-3")
    (entry,) = await read(world.here)

    await world.here.acknowledge([entry])
    await world.there.acknowledge([entry])


async def test_dead_lettered_entry_is_a_dead_letter_and_done(world: JobWorld) -> None:
    """The entry is copied with its fault and not delivered again."""
    entry_id = await world.malformed("go-3")
    (entry,) = await read(world.here)

    await world.here.dead_letter(entry, "image_ref is missing")

    assert await world.dead() == [(entry_id, "image_ref is missing")]
    await world.there.reclaim()
    assert list(await read(world.there)) == []


async def test_dead_lettering_again_makes_no_second_letter(world: JobWorld) -> None:
    """A malformed job has one dead letter, however often it is delivered."""
    await world.malformed("go-3")
    (entry,) = await read(world.here)
    await world.here.dead_letter(entry, "why")

    await world.there.dead_letter(entry, "why")

    assert len(await world.dead()) == 1


@pytest.mark.parametrize("method", ["acknowledge", "dead_letter"])
async def test_lost_reply_leaves_the_entry_done_once(world: JobWorld, method: str) -> None:
    """After a lost reply the caller gets ServiceUnavailable, and repeating has no second effect."""
    await world.malformed("go-3")
    (entry,) = await read(world.here)
    calls: dict[str, Callable[[], Awaitable[None]]] = {
        "acknowledge": lambda: world.here.acknowledge([entry]),
        "dead_letter": lambda: world.here.dead_letter(entry, "why"),
    }
    world.lose_reply_to(method)
    with pytest.raises(ServiceUnavailable):
        await calls[method]()

    await calls[method]()

    assert len(await world.dead()) == (1 if method == "dead_letter" else 0)
    await world.there.reclaim()
    assert list(await read(world.there)) == []


async def test_delivery_whose_reply_was_lost_is_reclaimed(world: JobWorld) -> None:
    """An entry whose delivery was lost is pending and must be reclaimed."""
    entry_id = await world.start("go-3")
    world.lose_reply_to("read")
    with pytest.raises(ServiceUnavailable):
        await read(world.here)

    await world.here.reclaim()

    assert ids_of(await read(world.here)) == [entry_id]


async def test_flushed_store_is_survived(world: JobWorld) -> None:
    """Streams and groups are created again, and later entries are read."""
    await world.start("go-3")
    (lost,) = await read(world.here)
    await world.flush()

    await read(world.here)
    added = await world.start("go-4")

    assert ids_of(await read(world.here)) == [added]
    await world.here.acknowledge([lost])
    await world.here.dead_letter(lost, "why")
    assert await world.here.trim() == 0


async def test_flushed_store_can_be_reclaimed_from(world: JobWorld) -> None:
    """A new leader may reclaim right after a flush."""
    await world.flush()

    await world.here.reclaim()

    added = await world.start("go-4")
    assert ids_of(await read(world.here)) == [added]


async def test_lost_group_loses_no_entry(world: JobWorld) -> None:
    """The group is created again from the start: repeated delivery is better than none."""
    ids = [await world.start("go-3"), await world.start("go-4")]
    await read(world.here)
    await world.lose_group()

    assert await read_all_from(world.here) == ids


async def read_all_from(jobs: JobStream) -> list[str]:
    """Read twice, because the first read may find that the group is gone."""
    return ids_of(await read(jobs)) + ids_of(await read(jobs))


async def test_acknowledged_entries_are_trimmed(world: JobWorld) -> None:
    """A stream does not grow forever."""
    for number in range(300):
        await world.start(f"g{number}")
    for entry in await read(world.here, 300):
        await world.here.acknowledge([entry])

    dropped = await world.here.trim()

    assert dropped == 300 - MAXLEN
    assert await world.length() == MAXLEN


async def test_stream_within_its_limit_is_left_whole(world: JobWorld) -> None:
    """The latest jobs stay readable for people."""
    for number in range(MAXLEN):
        await world.start(f"g{number}")
    for entry in await read(world.here):
        await world.here.acknowledge([entry])

    assert await world.here.trim() == 0
    assert await world.length() == MAXLEN


@pytest.mark.parametrize("delivered", [0, 250])
async def test_job_that_is_not_done_is_never_trimmed(world: JobWorld, delivered: int) -> None:
    """Waiting and pending entries are never trimmed, however long the stream is."""
    ids = [await world.start(f"g{number}") for number in range(300)]
    if delivered:
        await read(world.here, delivered)

    await world.here.trim()

    await world.there.reclaim()
    assert await read_all(world.there) == ids


@pytest.mark.parametrize("stuck", [1, 40, 297])
async def test_trap_one_stuck_game_blocks_all_jobs_trimming_continues(
    world: JobWorld, monkeypatch: pytest.MonkeyPatch, stuck: int
) -> None:
    """Acknowledged entries are trimmed even behind pending ones, however many."""
    monkeypatch.setattr(consumer_group, "TRIM_BATCH", 16)
    waiting = [await world.start("stuck") for _ in range(stuck)]
    done = [await world.start("quick") for _ in range(300 - stuck)]
    for entry in await read(world.here, 300):
        if entry.entry_id in done:
            await world.here.acknowledge([entry])

    dropped = await world.here.trim()

    assert dropped == min(len(done), 300 - MAXLEN)
    assert await world.length() == 300 - dropped
    await world.there.reclaim()
    assert await read_all(world.there) == waiting


async def test_latest_acknowledged_entries_are_the_last_to_be_trimmed(world: JobWorld) -> None:
    """The oldest acknowledged entries are trimmed first, so the latest stay readable."""
    first, *others = [await world.start("go-3") for _ in range(MAXLEN + 2)]
    for entry in await read(world.here):
        if entry.entry_id != first:
            await world.here.acknowledge([entry])
    await world.here.trim()
    await world.lose_group()

    assert await read_all_from(world.here) == [first, *others[2:]]


async def test_done_entries_between_pending_and_new_ones_are_trimmed(world: JobWorld) -> None:
    """Trimming spares entries that are in progress and those not yet delivered."""
    ids = [await world.start("go-3") for _ in range(10)]
    for entry in list(await read(world.here, 6))[2:]:
        await world.here.acknowledge([entry])

    assert await world.here.trim() == 4
    await world.there.reclaim()
    assert await read_all(world.there) == [*ids[:2], *ids[6:]]


async def test_jobs_that_come_while_the_reclaimed_are_read_come_after_them(
    world: JobWorld,
) -> None:
    """Entries that arrive during a reclaim come last, whichever stream they are in."""
    ids = [await add(f"g{number}") for number in range(6) for add in (world.start, world.stop)]
    await read(world.there, 8)
    await world.here.reclaim()
    found: list[str] = []

    for add in [world.start, world.stop, world.stop, world.start] * 3:
        found += ids_of(await read(world.here, 2))
        await asyncio.sleep(0.002)  # ids of one millisecond in two streams have no order
        ids.append(await add("late"))
    found += await read_all(world.here)

    assert len(found) == len(ids)
    assert [each for each in found if each in ids[12:]] == ids[12:]
    assert set(found[:12]) == set(ids[:12])


class Handler:
    """Handles the jobs of every game except the stuck ones."""

    def __init__(self, jobs: JobStream, expected: dict[str, int]) -> None:
        self.jobs, self.expected = jobs, expected
        self.stuck = {"stuck"}
        self.handled: dict[str, list[str]] = {game: [] for game in expected}
        self.finished = {game: asyncio.Event() for game in expected}

    async def run(self, entries: Sequence[JobEntry]) -> int:
        """Acknowledge the entries, as HandleJob does."""
        game = entries[0].job.game_id or ""
        if game in self.stuck:
            raise ServiceUnavailable
        await self.jobs.acknowledge(entries)
        self.handled[game] += [each.entry_id for each in entries]
        if len(self.handled[game]) == self.expected[game]:
            self.finished[game].set()
        return len(entries)


async def be_ready() -> None:
    """Report that every dependency of the jobs is available."""


async def test_trap_one_stuck_game_blocks_all_jobs(
    world: JobWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs behind a stuck game are handled; its own are handled in order once it recovers."""
    monkeypatch.setattr(consumer_module, "MAX_WAITING", 50)
    monkeypatch.setattr(consumer_module, "BLOCK", 0.01)
    monkeypatch.setattr(consumer_module, "MAX_PAUSE", 0.2)
    waiting = [await world.start("stuck") for _ in range(120)]
    behind = [await world.start("quick") for _ in range(60)]
    handler = Handler(world.here, {"stuck": 120, "quick": 60})
    consumer = JobConsumer(world.here, cast("HandleJob", handler), be_ready, SystemClock(), 4)

    async with running(consumer.run()), asyncio.timeout(20):
        await handler.finished["quick"].wait()
        handler.stuck.clear()
        await handler.finished["stuck"].wait()

    assert handler.handled == {"quick": behind, "stuck": waiting}
    await world.there.reclaim()
    assert list(await read(world.there)) == []


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a loop for the duration of the block, then cancel it."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("call", ["reclaim", "read", "acknowledge", "dead_letter", "trim"])
async def test_unreachable_store_raises_service_unavailable(world: JobWorld, call: str) -> None:
    """Every method raises ServiceUnavailable while the store is away, and works afterwards."""
    await world.malformed("go-3")
    (entry,) = await read(world.here)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "reclaim": world.here.reclaim,
        "read": lambda: read(world.here),
        "acknowledge": lambda: world.here.acknowledge([entry]),
        "dead_letter": lambda: world.here.dead_letter(entry, "why"),
        "trim": world.here.trim,
    }
    world.go_away()
    with pytest.raises(ServiceUnavailable) as raised:
        await calls[call]()

    assert type(raised.value) is ServiceUnavailable
    world.come_back()
    await calls[call]()


async def test_oldest_entries_are_those_that_may_come_again(world: JobWorld) -> None:
    """An acknowledged entry counts too: it comes again when the group is lost."""
    assert await world.here.oldest() == {JobKind.START: None, JobKind.STOP: None}
    first = await world.start("go-3")
    await world.start("go-3")
    (entry, _) = await read(world.here)
    await world.here.acknowledge([entry])

    assert await world.here.oldest() == {JobKind.START: first, JobKind.STOP: None}


async def test_trimmed_entries_are_not_the_oldest(world: JobWorld) -> None:
    """What was dropped is never delivered again."""
    added = [await world.start("go-3") for _ in range(MAXLEN + 2)]
    for entry in await read(world.here):
        await world.here.acknowledge([entry])
    await world.here.trim()

    assert (await world.here.oldest())[JobKind.START] == added[2]
