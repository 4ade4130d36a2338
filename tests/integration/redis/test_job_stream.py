"""What only a real Redis shows of job streams: its ids, groups and bytes."""

import asyncio
import json
import logging
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rtmanager.adapters.redis import job_stream
from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.consumer_group import ConsumerGroup
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, MalformedJob
from tests.contract.ports.job_streams import GROUP, LAYOUT, RedisJobs, open_jobs
from tests.support.databases import REDIS_LOGIN

START = LAYOUT.jobs[JobKind.START]


@pytest.fixture
async def jobs(redis_addr: str) -> AsyncIterator[RedisJobs]:
    """Return job streams in Redis, with their groups created."""
    async with open_jobs(redis_addr) as world:
        assert isinstance(world, RedisJobs)
        await world.here.reclaim()
        yield world


async def drain(jobs: RedisJobs, count: int) -> list[JobEntry]:
    """Read until nothing is left."""
    entries: list[JobEntry] = []
    while found := await jobs.here.read(count=count, block=0.01):
        entries += found
    return entries


def times(entries: list[JobEntry]) -> list[int]:
    """Return the milliseconds of the entries' ids."""
    return [int(entry.entry_id.partition("-")[0]) for entry in entries]


async def add_backlog(jobs: RedisJobs) -> list[int]:
    """Add starts and stops at random intervals; return their times."""
    chance = random.Random(7)  # noqa: S311 - not security relevant
    moments = list(range(1, 201))
    for moment in moments:
        # Long runs of one kind, so that the streams drift far apart.
        add = jobs.start if chance.random() < (0.95 if moment % 60 < 30 else 0.05) else jobs.stop
        await add("go-3", f"{moment}-0")
    return moments


@pytest.mark.parametrize("count", [1, 7, 100, 1_000])
async def test_backlog_of_both_streams_is_read_in_one_order(jobs: RedisJobs, count: int) -> None:
    """A stop is never read before an older start, however far one stream lags behind."""
    moments = await add_backlog(jobs)

    assert times(await drain(jobs, count)) == moments


@pytest.mark.parametrize("read_before", [1, 40, 150])
async def test_reclaimed_backlog_is_read_in_one_order(jobs: RedisJobs, read_before: int) -> None:
    """Reclaimed entries of one stream do not overtake older waiting ones of the other."""
    moments = await add_backlog(jobs)
    while read_before > 0:
        read_before -= len(await jobs.there.read(count=20, block=0.01))

    await jobs.here.reclaim()

    assert times(await drain(jobs, 20)) == moments


async def test_read_of_what_is_there_is_one_round_trip(jobs: RedisJobs) -> None:
    """Whether a former leader has some pending is found in the step that reads."""
    await jobs.here.read(count=10, block=0)
    ids = [await jobs.start("go-3"), await jobs.stop("go-3")]
    before = jobs.round_trips

    found = await jobs.here.read(count=10, block=1)

    assert {entry.entry_id for entry in found} == set(ids)
    assert jobs.round_trips - before == 1


async def test_job_is_read_although_the_other_stream_was_deleted(jobs: RedisJobs) -> None:
    """A lost group is noticed before anything is delivered, which nobody would handle."""
    await jobs.here.read(count=10, block=0)
    await jobs.redis.delete(LAYOUT.jobs[JobKind.STOP])
    added = await jobs.start("go-3")

    assert list(await jobs.here.read(count=10, block=0)) == []
    assert [entry.entry_id for entry in await jobs.here.read(count=10, block=0)] == [added]


async def test_read_ends_its_waiting_with_the_first_entry(jobs: RedisJobs) -> None:
    """A read returns with the first entry, not at the end of its wait."""
    waiting = asyncio.create_task(jobs.here.read(count=10, block=60))
    await asyncio.sleep(0.1)
    added = await jobs.start("go-3")

    async with asyncio.timeout(10):
        (entry,) = await waiting

    assert entry.entry_id == added


async def test_waiting_ends_well_before_the_client_gives_up(jobs: RedisJobs) -> None:
    """A wait, however long, ends before the client's timeout and returns nothing."""
    assert list(await jobs.here.read(count=10, block=60)) == []


async def test_flush_while_waiting_is_survived(
    jobs: RedisJobs, caplog: pytest.LogCaptureFixture
) -> None:
    """The next read finds that its stream is gone, which is created again and logged."""
    waiting = asyncio.create_task(jobs.here.read(count=10, block=60))
    await asyncio.sleep(0.1)
    await jobs.flush()

    assert list(await waiting) == []
    assert list(await jobs.here.read(count=10, block=60)) == []
    assert [record.message for record in caplog.records] == ["job_streams_recreated"]
    assert vars(caplog.records[0])["streams"] == list(LAYOUT.jobs.values())
    added = await jobs.start("go-3")
    assert [entry.entry_id for entry in await drain(jobs, 10)] == [added]


async def test_names_of_dead_consumers_are_removed(jobs: RedisJobs) -> None:
    """Names of dead consumers are removed, because each process has a new one."""
    await jobs.start("go-3")
    await jobs.there.read(count=1, block=0.01)

    await jobs.here.reclaim()

    consumers = await jobs.redis.xinfo_consumers(START, GROUP)
    assert [each["pending"] for each in consumers] == [1]


async def test_consumer_with_pending_entries_keeps_them(jobs: RedisJobs, redis_addr: str) -> None:
    """A consumer with pending entries is kept, because removing it would lose them."""
    await jobs.start("go-3")
    await jobs.there.read(count=1, block=0.01)
    host, _, port = redis_addr.partition(":")
    client = RedisClient(host, int(port), login=REDIS_LOGIN)
    stranger = ConsumerGroup(client, group=GROUP)

    await stranger.forget_idle_consumers(START)

    await client.close()
    await jobs.here.reclaim()
    assert len(await drain(jobs, 10)) == 1


async def test_entry_trimmed_before_it_was_done_is_logged_and_dropped(
    jobs: RedisJobs, caplog: pytest.LogCaptureFixture
) -> None:
    """An entry that someone else trimmed is dropped and logged for the operator."""
    lost = await jobs.start("go-3")
    kept = await jobs.start("go-3")
    await jobs.there.read(count=2, block=0.01)
    await jobs.redis.xdel(START, lost)

    with caplog.at_level(logging.ERROR):
        await jobs.here.reclaim()

    assert [entry.entry_id for entry in await drain(jobs, 10)] == [kept]
    (record,) = caplog.records
    assert record.message == "pending_jobs_trimmed"
    assert vars(record)["first_entry_id"] == lost


async def test_entry_trimmed_after_it_was_reclaimed_is_logged_and_dropped(
    jobs: RedisJobs, caplog: pytest.LogCaptureFixture
) -> None:
    """It does not stay pending forever, and later entries are read."""
    lost = [await jobs.start("go-3") for _ in range(5)]
    kept = await jobs.start("go-3")
    await jobs.there.read(count=6, block=0.01)
    await jobs.here.reclaim()
    await jobs.redis.xdel(START, *lost)

    with caplog.at_level(logging.ERROR):
        found = await drain(jobs, 2)

    assert [entry.entry_id for entry in found] == [kept]
    assert {record.message for record in caplog.records} == {"pending_jobs_trimmed"}
    assert vars(caplog.records[0])["first_entry_id"] == lost[0]
    assert sum(vars(record)["jobs"] for record in caplog.records) == len(lost)
    assert (await jobs.redis.xpending(START, GROUP))["pending"] == 1


@pytest.mark.parametrize(
    ("fields", "game_id", "fault"),
    [
        ({"game_id": b"\xff", "image_ref": "a", "requested_at_ms": "1"}, None, "'game_id' is not"),
        (
            {"game_id": "go-3", "image_ref": b"\xff", "requested_at_ms": "1"},
            "go-3",
            "'image_ref' is not UTF-8",
        ),
        ({b"\xfe": "x", "game_id": "go-3"}, "go-3", r"'\xfe' is not UTF-8"),
        ({"image_ref": "a", "requested_at_ms": "1"}, None, "game_id is missing"),
        ({"game_id": "", "image_ref": "a", "requested_at_ms": "1"}, None, "game_id must match"),
        (
            {"game_id": "no/way", "image_ref": "a", "requested_at_ms": "1"},
            "no/way",
            "game_id must match",
        ),
        ({"game_id": "a\nb", "image_ref": "a", "requested_at_ms": "1"}, None, "game_id must match"),
        (
            {"game_id": "x" * 256, "image_ref": "a", "requested_at_ms": "1"},
            None,
            "game_id must match",
        ),
    ],
)
async def test_malformed_entry_names_its_fault_and_its_game_if_readable(
    jobs: RedisJobs, fields: dict[str, Any], game_id: str | None, fault: str
) -> None:
    """A readable game id is answered, even one that no game can have."""
    await jobs.add(JobKind.START, fields)

    (entry,) = await drain(jobs, 10)

    assert isinstance(entry.job, MalformedJob)
    assert entry.job.game_id == game_id
    assert entry.job.fault.startswith(fault)


async def test_field_that_comes_twice_is_a_fault(jobs: RedisJobs) -> None:
    """An entry with two game ids is ambiguous and therefore a fault."""
    await jobs.redis.execute_command(
        "XADD", START, "*", "game_id", "go-3", "game_id", "go-4", "image_ref", "a"
    )

    (entry,) = await drain(jobs, 10)

    assert entry.job == MalformedJob(None, "'game_id' occurs 2 times")


async def test_dead_letter_shows_the_entry_as_it_was(jobs: RedisJobs) -> None:
    """A dead letter keeps names and values in order, with strange bytes made printable."""
    await jobs.redis.execute_command("XADD", START, "7-0", "b", b"\xff", "a", "1", "a", "é")
    (entry,) = await drain(jobs, 10)

    await jobs.here.dead_letter(entry, "why")

    ((_, letter),) = await jobs.redis.xrange(LAYOUT.dead)
    payload = json.loads(letter.pop("payload"))
    assert letter == {"origin": "job", "stream": START, "entry_id": "7-0", "fault": "why"}
    assert payload == [["b", "\\xff"], ["a", "1"], ["a", "é"]]


async def test_malformed_job_is_counted_by_its_stream(
    jobs: RedisJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operators see that somebody sends what no job is."""
    counted: list[tuple[int, dict[str, str]]] = []

    class Counter:
        def add(self, amount: int, attributes: dict[str, str]) -> None:
            counted.append((amount, attributes))

    monkeypatch.setattr(job_stream, "_malformed", Counter())
    await jobs.malformed("go-1")
    (entry,) = await drain(jobs, 10)
    await jobs.here.dead_letter(entry, "why")

    assert counted == [(1, {"stream": START})]


async def test_dead_letters_are_trimmed(jobs: RedisJobs) -> None:
    """Endless malformed entries do not fill the server."""
    for _ in range(300):
        await jobs.malformed("go-3")
    for entry in await drain(jobs, 300):
        await jobs.here.dead_letter(entry, "why")

    assert await jobs.redis.xlen(LAYOUT.dead) < 250
