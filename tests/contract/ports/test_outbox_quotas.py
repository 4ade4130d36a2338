import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from rtmanager.domain.messages import OutboxMessage, Quota
from tests.builders import NOON
from tests.contract.ports.relays import RelayWorld, open_relays, result, write

OF_ONE = Quota("one", most=2, seconds=60.0)
OF_ALL = Quota("all", most=3, seconds=10.0)
LATER = NOON + timedelta(days=2)


@pytest.fixture(params=["memory", "real"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the outbox under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "real" else None


@pytest.fixture
async def world(dsn: str | None, redis_addr: str) -> AsyncIterator[RelayWorld]:
    """Return the outbox under test."""
    async with open_relays(dsn, redis_addr) as opened:
        yield opened


def limited(number: int, *quotas: Quota) -> OutboxMessage:
    """Return a result that counts towards these quotas, with a dedup key of its own."""
    return replace(result(number), dedup_key=f"key {number}", dedup_window=60.0, quotas=quotas)


async def write_at(world: RelayWorld, second: float, message: OutboxMessage) -> None:
    """Write a message some seconds after noon."""
    await write(world, [message], at=NOON + timedelta(seconds=second))


async def written(world: RelayWorld) -> list[int]:
    """Lend all messages and return their numbers, which marks them sent."""
    async with world.here.batch(limit=100) as batch:
        return [int(row.message.fields["job_id"].partition("-")[0]) for row in batch.rows]


async def test_messages_over_their_quota_are_not_written(world: RelayWorld) -> None:
    """The first ones are written, and others are not affected."""
    for number in range(5):
        await write_at(world, number, limited(number, OF_ONE))
    await write_at(world, 5, result(5))
    await write_at(world, 5, limited(6, replace(OF_ONE, key="another")))

    assert await written(world) == [0, 1, 5, 6]


async def test_quota_counts_the_messages_of_its_seconds(world: RelayWorld) -> None:
    """Whether they were sent does not matter, and what was not written does not count."""
    for second in (0, 50, 59):
        await write_at(world, second, limited(second, OF_ONE))
    assert await written(world) == [0, 50]

    for second in (60, 109, 110):
        await write_at(world, second, limited(second, OF_ONE))

    assert await written(world) == [60, 110]


async def test_duplicate_uses_no_quota(world: RelayWorld) -> None:
    """A message that was not written for another reason does not count."""
    for second in range(5):
        message = replace(limited(second, OF_ONE), dedup_key="same")
        await write_at(world, second, message)
    await write_at(world, 9, limited(9, OF_ONE))

    assert await written(world) == [0, 9]


async def test_message_is_within_all_its_quotas(world: RelayWorld) -> None:
    """Each quota has its own seconds; one that is used up is enough."""
    for number in range(4):
        await write_at(world, 0, limited(number, replace(OF_ONE, key=f"of {number}"), OF_ALL))
    for number in range(10, 13):
        await write_at(world, number, limited(number, replace(OF_ONE, key="of 10"), OF_ALL))

    assert await written(world) == [0, 1, 2, 10, 11]


async def test_message_over_its_quota_is_logged(
    world: RelayWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody is told of is in the log; a duplicate is not."""
    with caplog.at_level(logging.WARNING):
        for number in range(4):
            await write_at(world, 0, limited(number, OF_ONE))
        await write_at(world, 0, limited(0, OF_ONE))

    lines = [each for each in caplog.records if each.message == "message_over_quota"]
    assert [vars(each)["quotas"] for each in lines] == [["one"], ["one"]]
    assert {vars(each)["game_id"] for each in lines} == {"chess-7"}


async def test_of_many_at_once_as_many_are_written_as_the_quota_allows(world: RelayWorld) -> None:
    """Replicas that fail at the same moment share the quota."""
    await asyncio.gather(
        *(write_at(world, 0, limited(number, OF_ONE, OF_ALL)) for number in range(8))
    )

    assert len(await written(world)) == OF_ONE.most


async def test_uses_that_still_count_are_not_pruned(world: RelayWorld) -> None:
    """Deleting them would lift the quota."""
    for number in range(2):
        await write(world, [limited(number, OF_ONE)], at=LATER)
    await written(world)

    await world.here.prune(sent_before=LATER, limit=10)
    await write(world, [limited(2, OF_ONE)], at=LATER)

    assert await written(world) == []
