import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.redis import message_publisher
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messages import OutboxStream, health_message
from rtmanager.domain.messaging.relay_outbox import RelayOutbox
from rtmanager.domain.ports.outbox import OutboxBatch, OutboxId, OutboxRow, RelayFence, StaleBatch
from tests.builders import make_event, make_message
from tests.contract.ports.relays import (
    LAYOUT,
    RealRelays,
    RelayWorld,
    numbers,
    open_relays,
    result,
    write,
)


@pytest.fixture(params=["memory", "real"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the outbox; None when all is in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "real" else None


@pytest.fixture
async def world(dsn: str | None, redis_addr: str) -> AsyncIterator[RelayWorld]:
    """Return outbox and publisher under test."""
    async with open_relays(dsn, redis_addr) as opened:
        yield opened


@pytest.fixture
async def real(database_dsn: str, redis_addr: str) -> AsyncIterator[RealRelays]:
    """Return outbox and publisher on real servers."""
    async with open_relays(database_dsn, redis_addr) as opened:
        assert isinstance(opened, RealRelays)
        yield opened


def batch(fence: int, *job_numbers: int) -> OutboxBatch:
    """Return a batch of results; equal numbers stand for the same message."""
    return OutboxBatch(
        RelayFence(fence),
        [OutboxRow(OutboxId(each), f"token {each}", result(each)) for each in job_numbers],
    )


async def relay(world: RelayWorld, *, elsewhere: bool = False) -> int:
    """Run one relay cycle in the first process or in the other."""
    outbox, publisher = (
        (world.there, world.other_publisher) if elsewhere else (world.here, world.publisher)
    )
    return await RelayOutbox(outbox, publisher, ManualClock(), timedelta(hours=1)).run()


async def test_batch_costs_two_round_trips_to_the_database_and_one_to_the_streams(
    real: RealRelays,
) -> None:
    """The messages are lent in one round trip, published in one, and marked sent in one."""
    await write(real, [result(0)])
    assert await relay(real) == 1  # which also connects
    await write(real, [result(number) for number in range(1, 6)])
    pinged = real.round_trips
    await real.pools[0].ping()
    begun = real.round_trips
    assert await relay(real) == 5

    checks = begun[0] - pinged[0] - 1  # of a connection at its checkout
    assert real.round_trips == (begun[0] + checks + 2, begun[1] + 1)


async def relay_all(world: RelayWorld) -> None:
    """Relay until nothing is left, whatever fails in between."""
    async with asyncio.timeout(30):
        while await world.unsent():
            with suppress(ServiceUnavailable):
                await relay(world)


async def test_messages_are_added_in_their_order(world: RelayWorld) -> None:
    """Messages are added to the stream in their order."""
    await world.publisher.publish(batch(1, 3, 1, 2))

    assert await numbers(world) == [3, 1, 2]


async def test_message_is_added_with_all_its_fields(world: RelayWorld) -> None:
    """A message is added with all its fields unchanged."""
    await world.publisher.publish(batch(1, 7))

    assert await world.published() == [dict(result(7).fields)]


async def test_message_that_was_published_is_passed_over(world: RelayWorld) -> None:
    """A published message is skipped, whichever process published it."""
    await world.publisher.publish(batch(1, 1, 2))
    await world.other_publisher.publish(batch(2, 1, 2, 3))
    await world.publisher.publish(batch(3, 3, 4))

    assert await numbers(world) == [1, 2, 3, 4]


async def test_equal_contents_in_two_messages_are_two_entries(world: RelayWorld) -> None:
    """A message is identified by its token, not by its contents."""
    row = batch(1, 1).rows[0]

    await world.publisher.publish(OutboxBatch(RelayFence(1), [row, replace(row, token="other")]))

    assert await numbers(world) == [1, 1]


async def test_batch_of_a_relay_that_was_overtaken_is_refused(world: RelayWorld) -> None:
    """A process that was frozen between borrowing and publishing adds nothing."""
    await world.other_publisher.publish(batch(2, 1))

    with pytest.raises(StaleBatch):
        await world.publisher.publish(batch(1, 1, 2))

    assert await numbers(world) == [1]


async def test_refused_batch_reports_the_highest_fence(world: RelayWorld) -> None:
    """The error reports the highest fence exactly, so that a relay can draw a higher one."""
    highest = 1_795_564_800_123_457
    await world.other_publisher.publish(batch(highest, 1))
    with pytest.raises(StaleBatch) as raised:
        await world.publisher.publish(batch(highest - 1, 2))

    assert raised.value.highest == highest
    await world.publisher.publish(batch(raised.value.highest + 1, 2))
    assert await numbers(world) == [1, 2]


async def test_refused_batch_raises_no_fence(world: RelayWorld) -> None:
    """After a refusal the relay with the highest fence can still publish."""
    await world.other_publisher.publish(batch(2, 1))
    with suppress(StaleBatch):
        await world.publisher.publish(batch(1, 2))

    await world.other_publisher.publish(batch(2, 3))

    assert await numbers(world) == [1, 3]


async def test_lost_reply_can_be_repeated(world: RelayWorld) -> None:
    """Repeating after a lost reply adds no message twice."""
    world.lose_reply_to_publish()
    with pytest.raises(ServiceUnavailable):
        await world.publisher.publish(batch(1, 1, 2))

    await world.publisher.publish(batch(2, 1, 2))

    assert await numbers(world) == [1, 2]


async def test_many_at_once_add_each_message_once(world: RelayWorld) -> None:
    """Each message is added once, however two processes interleave."""

    async def publish(turn: int) -> None:
        publisher = world.publisher if turn % 2 else world.other_publisher
        with suppress(StaleBatch):
            await publisher.publish(batch(turn, *range(5)))

    await asyncio.gather(*(publish(turn) for turn in range(20)))

    assert await numbers(world) == [0, 1, 2, 3, 4]


async def test_unreachable_streams_raise_service_unavailable(world: RelayWorld) -> None:
    """Publishing raises ServiceUnavailable during an outage and works afterwards."""
    world.streams_go()
    with pytest.raises(ServiceUnavailable) as raised:
        await world.publisher.publish(batch(1, 1))
    assert type(raised.value) is ServiceUnavailable

    world.all_come_back()
    await world.publisher.publish(batch(2, 1))

    assert await numbers(world) == [1]


async def test_relay_sends_each_message_once(world: RelayWorld) -> None:
    """Committed messages are published once and marked sent."""
    await write(world, [result(number) for number in range(5)])

    assert await relay(world) == 5
    assert await relay(world) == 0
    assert await numbers(world) == list(range(5))


@pytest.mark.parametrize("fault", ["commit", "publish", "cut"])
async def test_relay_that_loses_an_answer_sends_each_message_once(
    world: RelayWorld, fault: str
) -> None:
    """A crash between the two stores neither duplicates nor loses a message."""
    await write(world, [result(number) for number in range(5)])
    faults = {"commit": world.lose_reply_to_commit, "publish": world.lose_reply_to_publish}
    faults.get(fault, world.cut_off)()
    with suppress(ServiceUnavailable):
        await relay(world)

    await relay_all(world)

    assert await numbers(world) == list(range(5))


async def test_two_relays_at_once_send_each_message_once_in_order(world: RelayWorld) -> None:
    """Any replica may relay at any time."""

    async def relay_for_a_while(*, elsewhere: bool) -> None:
        while await world.unsent():
            with suppress(ServiceUnavailable):
                await relay(world, elsewhere=elsewhere)
            await asyncio.sleep(0)

    for number in range(60):
        await write(world, [result(number)])

    async with asyncio.timeout(30):
        await asyncio.gather(relay_for_a_while(elsewhere=False), relay_for_a_while(elsewhere=True))
    assert await numbers(world) == list(range(60))


async def test_relay_that_publishes_after_it_was_cut_off_doubles_nothing(
    world: RelayWorld,
) -> None:
    """A relay frozen while the other went far ahead publishes no duplicates."""
    await write(world, [result(0)])
    with suppress(ServiceUnavailable):
        async with world.here.batch(limit=10) as stale:
            world.cut_off()
            async with asyncio.timeout(10):
                while not await relay(world, elsewhere=True):
                    pass
    await write(world, [result(1)])
    await relay(world, elsewhere=True)

    with pytest.raises(StaleBatch):
        await world.publisher.publish(stale)

    assert await numbers(world) == [0, 1]


async def test_outage_of_either_store_loses_nothing(world: RelayWorld) -> None:
    """Messages wait for both stores and keep their order."""
    await write(world, [result(0)])
    for go in (world.database_goes, world.streams_go):
        go()
        with pytest.raises(ServiceUnavailable):
            await relay(world)
        world.all_come_back()
    await write(world, [result(1)])

    await relay_all(world)

    assert await numbers(world) == [0, 1]


async def test_flushed_streams_get_what_was_not_sent(world: RelayWorld) -> None:
    """Unsent messages are published once into a store that lost its markers."""
    await write(world, [result(0)])
    world.lose_reply_to_publish()
    with suppress(ServiceUnavailable):
        await relay(world)

    await world.flush_streams()
    await relay_all(world)

    assert await numbers(world) == [0]


async def test_markers_do_not_pile_up(real: RealRelays, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only as many of the latest markers as needed are kept."""
    monkeypatch.setattr(message_publisher, "MARKERS_KEPT", 20)
    for number in range(0, 100, 10):
        await real.publisher.publish(batch(number, *range(number, number + 10)))

    assert await real.redis.zcard("rtmanager:here:outbox_published") == 20
    await real.publisher.publish(batch(1_000, *range(80, 101)))
    assert await numbers(real) == list(range(101))


async def test_message_that_the_release_before_published_is_passed_over(real: RealRelays) -> None:
    """During a roll-out the markers of the previous release are respected."""
    await real.redis.zadd("rtmanager:outbox_published", {batch(1, 0).rows[0].token: 1})

    await real.publisher.publish(batch(1, 0, 1))

    assert await numbers(real) == [1]


async def test_trap_two_installations_one_redis_refuse_no_batch(real: RealRelays) -> None:
    """Each installation has fences of its own, so another's higher fence refuses no batch."""
    await real.redis.set("rtmanager:there:outbox_fence", 1_000)

    await real.publisher.publish(batch(1, 0))

    assert await numbers(real) == [0]


async def test_new_database_publishes_to_old_streams(real: RealRelays) -> None:
    """A new database reuses ids, yet its messages are not taken for published ones."""
    await write(real, [result(0)])
    await relay(real)
    real.execute("TRUNCATE outbox RESTART IDENTITY")
    await write(real, [result(1)])

    await relay_all(real)

    assert await numbers(real) == [0, 1]


async def test_each_message_goes_to_its_stream(real: RealRelays) -> None:
    """Results, events and intents have a stream each, trimmed to its own length."""
    event = health_message(make_event())

    await real.publisher.publish(
        OutboxBatch(RelayFence(1), [OutboxRow(OutboxId(1), "t", event), *batch(1, 2).rows])
    )

    ((_, fields),) = await real.redis.xrange(LAYOUT.messages[OutboxStream.HEALTH_EVENTS])
    assert fields == dict(event.fields)
    assert await numbers(real) == [2]


async def test_message_that_does_not_fit_is_put_aside(
    real: RealRelays, caplog: pytest.LogCaptureFixture
) -> None:
    """An invalid message is dead-lettered and logged, and does not hold up the others."""
    wrong = make_message(fields={"game_id": "chess-7", "outcome": "success"})
    await write(real, [result(0), wrong, result(1)])

    with caplog.at_level(logging.ERROR):
        await relay_all(real)

    assert await numbers(real) == [0, 1]
    ((_, letter),) = await real.redis.xrange(LAYOUT.dead)
    assert json.loads(letter.pop("payload")) == [list(pair) for pair in wrong.fields.items()]
    assert letter["origin"] == "outbox"
    assert letter["stream"] == "runtime:job_results"
    assert letter["fault"] == "job_id is missing"
    (record,) = caplog.records
    assert record.message == "message_dead_lettered"
    assert vars(record)["fault"] == "job_id is missing"
    assert vars(record)["game_id"] == wrong.game_id
