"""Entries of any size: what reaches the service is bounded, and each is answered as before."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.consumer_group import NEW, ConsumerGroup, Stretch
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, MalformedJob, StartJob
from tests.contract.ports.job_streams import GROUP, LAYOUT, RedisJobs, open_jobs

START = LAYOUT.jobs[JobKind.START]
JOB = {"game_id": "go-3", "image_ref": "galaxy/game:1.4.7", "requested_at_ms": "1"}
MEGABYTE = 1_000_000


@pytest.fixture
async def jobs(redis_addr: str) -> AsyncIterator[RedisJobs]:
    """Return job streams in Redis, with their groups created."""
    async with open_jobs(redis_addr) as world:
        assert isinstance(world, RedisJobs)
        await world.here.reclaim()
        yield world


@pytest.fixture
async def group(
    jobs: RedisJobs,  # noqa: ARG001 - it has created the group
    redis_addr: str,
) -> AsyncIterator[ConsumerGroup]:
    """Return another consumer of the group."""
    host, _, port = redis_addr.partition(":")
    client = RedisClient(host, int(port))
    yield ConsumerGroup(client, group=GROUP)
    await client.close()


async def read_all(jobs: RedisJobs) -> list[JobEntry]:
    """Read until nothing is left."""
    entries: list[JobEntry] = []
    while found := await jobs.here.read(count=100, block=0.01):
        entries += found
    return entries


async def read_one(jobs: RedisJobs, fields: Mapping[Any, Any]) -> JobEntry:
    """Add an entry and read it."""
    await jobs.add(JobKind.START, fields)
    (entry,) = await read_all(jobs)
    return entry


async def read(group: ConsumerGroup, count: int) -> Stretch:
    """Read new entries of the start jobs."""
    found = await group.read({START: NEW}, count=count)
    assert found is not None
    return found[START]


@pytest.mark.parametrize(
    "fields",
    [
        JOB | {"image_ref": "x" * 20 * MEGABYTE},
        JOB | {"x" * 20 * MEGABYTE: "1"},
        JOB | {f"field-{number}": "x" * 100 for number in range(20_000)},
        JOB | {f"field-{number}": "x" * MEGABYTE for number in range(20)},
    ],
    ids=["value", "name", "fields", "long fields"],
)
async def test_large_entry_leaves_the_server_cut(
    jobs: RedisJobs, group: ConsumerGroup, fields: dict[str, str]
) -> None:
    """Whatever its size, a few kilobytes of it are read."""
    added = await jobs.add(JobKind.START, fields)

    stretch = await read(group, 10)

    (entry,) = stretch.entries
    size = sum(len(name) + len(value) for name, value in entry.pairs)
    assert entry.id == added
    assert size <= 80 * 1024
    assert len(entry.pairs) + entry.left_out == len(fields)


async def test_read_ends_after_some_megabytes(jobs: RedisJobs, group: ConsumerGroup) -> None:
    """The server copies only a few large entries at a time, and the next read continues."""
    added = [await jobs.add(JobKind.START, JOB | {"more": "x" * MEGABYTE}) for _ in range(12)]

    reads = [await read(group, 100) for _ in range(4)]

    assert [len(each.entries) for each in reads] == [5, 5, 2, 0]
    assert [each.has_more for each in reads] == [True, True, False, False]
    assert [entry.id for each in reads for entry in each.entries] == added


async def test_valid_jobs_between_large_entries_are_read_in_order(jobs: RedisJobs) -> None:
    """Large entries hold nothing up."""
    added = []
    for _ in range(6):
        added.append(await jobs.add(JobKind.START, JOB | {"more": "x" * MEGABYTE}))
        added.append(await jobs.start("go-3"))

    found = await read_all(jobs)

    assert [each.entry_id for each in found] == added
    assert [type(each.job) for each in found] == [MalformedJob, StartJob] * 6


async def test_reclaimed_large_entries_are_all_read(jobs: RedisJobs) -> None:
    """Pending entries are read in bounded steps too."""
    added = [await jobs.add(JobKind.START, JOB | {"more": "x" * MEGABYTE}) for _ in range(12)]
    while await jobs.there.read(count=100, block=0.01):
        pass

    await jobs.here.reclaim()

    assert [each.entry_id for each in await read_all(jobs)] == added


@pytest.mark.parametrize("text", ["x", "é", "€", "🎲"])
@pytest.mark.parametrize("shift", range(4))
async def test_cut_text_is_too_long_not_undecodable(jobs: RedisJobs, text: str, shift: int) -> None:
    """A character that the cut has split is not taken for a fault of the encoding."""
    entry = await read_one(jobs, JOB | {"image_ref": "x" * shift + text * MEGABYTE})

    assert entry.job == MalformedJob("go-3", "image_ref must have at most 1000 characters")


async def test_undecodable_text_is_found_in_what_is_read(jobs: RedisJobs) -> None:
    """A long value that is no text is named as such."""
    entry = await read_one(jobs, JOB | {"image_ref": b"\xff" * MEGABYTE})

    assert entry.job == MalformedJob("go-3", "'image_ref' is not UTF-8")


async def test_game_id_is_found_behind_thousands_of_fields(jobs: RedisJobs) -> None:
    """A job whose game id can be read gets a result, wherever that stands."""
    many = {f"field-{number}": "1" for number in range(5_000)}

    entry = await read_one(jobs, many | JOB)

    assert isinstance(entry.job, MalformedJob)
    assert entry.job.game_id == "go-3"


async def test_second_game_id_is_found_behind_thousands_of_fields(jobs: RedisJobs) -> None:
    """An entry with two ids has none that can be read."""
    many = [part for number in range(5_000) for part in (f"field-{number}", "1")]
    await jobs.redis.execute_command("XADD", START, "*", *["game_id", "a", *many, "game_id", "b"])

    (entry,) = await read_all(jobs)

    assert entry.job == MalformedJob(None, "'game_id' occurs 2 times")


@pytest.mark.parametrize("byte", [b"\x01", b"\xff", b'"', b"\\", b"x"])
async def test_dead_letter_of_a_large_entry_is_bounded(jobs: RedisJobs, byte: bytes) -> None:
    """It has at most 64 fields and says how many were left out, whatever has to be escaped."""
    fields = {b"%d" % number + byte * 9_000: byte * 9_000 for number in range(100)}
    entry = await read_one(jobs, fields)

    await jobs.here.dead_letter(entry, "why")

    ((_, letter),) = await jobs.redis.xrange(LAYOUT.dead)
    shown = json.loads(letter["payload"])
    assert len(letter["payload"]) <= 1024 * 1024
    assert shown[-1] == ["…", f"{100 - len(shown) + 1} more fields"]
    assert max(len(text) for pair in shown for text in pair) == 2_000
