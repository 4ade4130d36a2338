from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, JobStream, StartJob, StopJob
from tests.contract.ports.job_streams import MAXLEN, JobWorld, open_jobs


@pytest.fixture(params=["memory", "redis"])
def address(request: pytest.FixtureRequest) -> str | None:
    """Return the server of the streams under test; None for those in memory."""
    return request.getfixturevalue("redis_addr") if request.param == "redis" else None


@pytest.fixture
async def world(address: str | None) -> AsyncIterator[JobWorld]:
    """Return the streams under test, their group made."""
    async with open_jobs(address) as opened:
        await opened.here.reclaim()
        yield opened


async def read(jobs: JobStream, count: int = 100) -> Sequence[JobEntry]:
    """Read what is there."""
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
    """Kind, id and job."""
    started, stopped = await world.start("go-3"), await world.stop("go-3")

    found = list(await read(world.here))

    assert sorted(found, key=lambda entry: entry.kind) == [
        JobEntry(JobKind.START, started, StartJob("go-3", "galaxy/game:1.4.7")),
        JobEntry(JobKind.STOP, stopped, StopJob("go-3", StopReason.FINISHED)),
    ]


async def test_nothing_to_read_is_no_error(world: JobWorld) -> None:
    """An idle service waits and finds nothing."""
    assert list(await read(world.here)) == []


async def test_each_entry_is_delivered_once(world: JobWorld) -> None:
    """What was handed out does not come again by itself."""
    ids = [await world.start(f"g{number}") for number in range(6)]

    assert ids_of(await read(world.here, 3)) == ids[:3]
    assert ids_of(await read(world.here)) == ids[3:]
    assert list(await read(world.here)) == []


async def test_at_most_count_entries_are_returned(world: JobWorld) -> None:
    """The consumer says how far it reads ahead, over both streams."""
    for number in range(4):
        await world.start(f"g{number}")
        await world.stop(f"g{number}")

    assert len(await read(world.here, 3)) == 3


async def test_malformed_job_tells_its_game_and_its_fault(world: JobWorld) -> None:
    """What is wrong is said by the field's name."""
    entry_id = await world.malformed("go-3")

    (entry,) = await read(world.here)

    assert entry.entry_id == entry_id
    assert entry.job.game_id == "go-3"
    assert vars_of(entry)["fault"] == "image_ref is missing"


def vars_of(entry: JobEntry) -> dict[str, object]:
    """Return the fields of the entry's job."""
    return {name: getattr(entry.job, name) for name in entry.job.__slots__}


async def test_entry_that_is_not_acknowledged_is_reclaimed(world: JobWorld) -> None:
    """A process that dies leaves what it read to the next leader, oldest first."""
    ids = [await world.start(f"g{number}") for number in range(3)]
    await read(world.there)

    await world.here.reclaim()

    assert await read_all(world.here) == ids


async def test_reclaimed_entry_comes_before_new_ones(world: JobWorld) -> None:
    """A game's earlier job is not overtaken by its later one."""
    first = await world.start("go-3")
    await read(world.there)
    second = await world.stop("go-3")

    await world.here.reclaim()

    assert await read_all(world.here) == [first, second]


async def test_entry_that_a_former_leader_got_late_is_taken_over(world: JobWorld) -> None:
    """It read when another led already: the entry is found, and before younger ones."""
    first = await world.start("go-3")
    await read(world.there)
    second = await world.stop("go-3")

    taken_over = [entry for _ in range(3) for entry in await read(world.here)]

    assert ids_of(taken_over) == [first, second]


async def test_late_entry_is_taken_over_when_no_other_comes(world: JobWorld) -> None:
    """It does not wait for the next job to be noticed."""
    entry_id = await world.start("go-3")
    await read(world.there)

    taken_over = [*await read(world.here), *await read(world.here)]

    assert ids_of(taken_over) == [entry_id]


async def test_entry_is_reclaimed_as_often_as_asked(world: JobWorld) -> None:
    """Each new leader finds what the one before left."""
    entry_id = await world.start("go-3")
    await read(world.here)

    for jobs in (world.there, world.here, world.here):
        await jobs.reclaim()
        assert ids_of(await read(jobs)) == [entry_id]


async def test_acknowledged_entry_is_not_reclaimed(world: JobWorld) -> None:
    """What is done is done."""
    await world.start("go-3")
    (entry,) = await read(world.here)
    await world.here.acknowledge(entry)

    await world.there.reclaim()

    assert list(await read(world.there)) == []


async def test_acknowledging_again_is_a_no_op(world: JobWorld) -> None:
    """A redelivered job may be acknowledged by two."""
    await world.start("go-3")
    (entry,) = await read(world.here)

    await world.here.acknowledge(entry)
    await world.there.acknowledge(entry)


async def test_buried_entry_is_a_dead_letter_and_done(world: JobWorld) -> None:
    """Copied with its fault, and not delivered again."""
    entry_id = await world.malformed("go-3")
    (entry,) = await read(world.here)

    await world.here.bury(entry, "image_ref is missing")

    assert await world.dead() == [(entry_id, "image_ref is missing")]
    await world.there.reclaim()
    assert list(await read(world.there)) == []


async def test_burying_again_makes_no_second_letter(world: JobWorld) -> None:
    """One malformed job is one dead letter, however often it is delivered."""
    await world.malformed("go-3")
    (entry,) = await read(world.here)
    await world.here.bury(entry, "why")

    await world.there.bury(entry, "why")

    assert len(await world.dead()) == 1


@pytest.mark.parametrize("method", ["acknowledge", "bury"])
async def test_lost_reply_leaves_the_entry_done_once(world: JobWorld, method: str) -> None:
    """The caller hears ServiceUnavailable, repeats, and nothing happens twice."""
    await world.malformed("go-3")
    (entry,) = await read(world.here)
    calls: dict[str, Callable[[], Awaitable[None]]] = {
        "acknowledge": lambda: world.here.acknowledge(entry),
        "bury": lambda: world.here.bury(entry, "why"),
    }
    world.lose_reply_to(method)
    with pytest.raises(ServiceUnavailable):
        await calls[method]()

    await calls[method]()

    assert len(await world.dead()) == (1 if method == "bury" else 0)
    await world.there.reclaim()
    assert list(await read(world.there)) == []


async def test_delivery_whose_reply_was_lost_is_reclaimed(world: JobWorld) -> None:
    """Nobody has seen the entry, and it is not new any more."""
    entry_id = await world.start("go-3")
    world.lose_reply_to("read")
    with pytest.raises(ServiceUnavailable):
        await read(world.here)

    await world.here.reclaim()

    assert ids_of(await read(world.here)) == [entry_id]


async def test_flushed_store_is_survived(world: JobWorld) -> None:
    """Streams and group are made again; what is added afterwards is read."""
    await world.start("go-3")
    (lost,) = await read(world.here)
    await world.flush()

    await read(world.here)
    added = await world.start("go-4")

    assert ids_of(await read(world.here)) == [added]
    await world.here.acknowledge(lost)
    await world.here.bury(lost, "why")
    assert await world.here.trim() == 0


async def test_flushed_store_can_be_reclaimed_from(world: JobWorld) -> None:
    """A new leader may come just after the flush."""
    await world.flush()

    await world.here.reclaim()

    added = await world.start("go-4")
    assert ids_of(await read(world.here)) == [added]


async def test_lost_group_loses_no_entry(world: JobWorld) -> None:
    """The group is made again from the very beginning: better twice than never."""
    ids = [await world.start("go-3"), await world.start("go-4")]
    await read(world.here)
    await world.lose_group()

    assert await read_all_from(world.here) == ids


async def read_all_from(jobs: JobStream) -> list[str]:
    """Read twice, for the first call may find that the group is gone."""
    return ids_of(await read(jobs)) + ids_of(await read(jobs))


async def test_acknowledged_entries_are_trimmed(world: JobWorld) -> None:
    """A stream does not grow for ever."""
    for number in range(300):
        await world.start(f"g{number}")
    for entry in await read(world.here, 300):
        await world.here.acknowledge(entry)

    dropped = await world.here.trim()

    assert dropped > 100
    assert await world.length() == 300 - dropped


async def test_stream_within_its_limit_is_left_whole(world: JobWorld) -> None:
    """A person may look at the last jobs."""
    for number in range(MAXLEN):
        await world.start(f"g{number}")
    for entry in await read(world.here):
        await world.here.acknowledge(entry)

    assert await world.here.trim() == 0
    assert await world.length() == MAXLEN


@pytest.mark.parametrize("delivered", [0, 250])
async def test_job_that_is_not_done_is_never_trimmed(world: JobWorld, delivered: int) -> None:
    """Neither one that waits nor one that is pending, however long the stream is."""
    ids = [await world.start(f"g{number}") for number in range(300)]
    if delivered:
        await read(world.here, delivered)

    await world.here.trim()

    await world.there.reclaim()
    assert await read_all(world.there) == ids


@pytest.mark.parametrize("call", ["reclaim", "read", "acknowledge", "bury", "trim"])
async def test_unreachable_store_raises_service_unavailable(world: JobWorld, call: str) -> None:
    """Every method says the same when the store is away, and works when it is back."""
    await world.malformed("go-3")
    (entry,) = await read(world.here)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "reclaim": world.here.reclaim,
        "read": lambda: read(world.here),
        "acknowledge": lambda: world.here.acknowledge(entry),
        "bury": lambda: world.here.bury(entry, "why"),
        "trim": world.here.trim,
    }
    world.go_away()
    with pytest.raises(ServiceUnavailable) as raised:
        await calls[call]()

    assert type(raised.value) is ServiceUnavailable
    world.come_back()
    await calls[call]()
