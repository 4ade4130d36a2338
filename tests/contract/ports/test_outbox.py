import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString

import pytest

from rtmanager.adapters.postgres.outbox_rows import insert_messages
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.ports.outbox import Outbox, OutboxBatch, RelayFence, StaleBatch
from tests.builders import NOON
from tests.contract.ports.relays import (
    AHEAD,
    RealRelays,
    RelayWorld,
    numbers,
    open_relays,
    result,
    write,
)

WAITS_FOR_A_KEY: LiteralString = (
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
)
LATER = NOON + timedelta(days=36_500)


@pytest.fixture(params=["memory", "real"])
def dsn(request: pytest.FixtureRequest) -> str | None:
    """Return the database of the outbox under test; None for the one in memory."""
    return request.getfixturevalue("database_dsn") if request.param == "real" else None


@pytest.fixture
async def world(dsn: str | None, redis_addr: str) -> AsyncIterator[RelayWorld]:
    """Return the outbox under test."""
    async with open_relays(dsn, redis_addr) as opened:
        yield opened


async def lent(outbox: Outbox, limit: int = 100) -> list[str]:
    """Borrow a batch and send it; return its job ids."""
    async with outbox.batch(limit=limit) as batch:
        return [row.message.fields["job_id"] for row in batch.rows]


async def test_batch_holds_the_oldest_messages_in_order(world: RelayWorld) -> None:
    """A batch holds the oldest messages in order, and no more than asked for."""
    await write(world, [result(1), result(2)])
    await write(world, [result(3)])

    async with world.here.batch(limit=2) as batch:
        assert [row.message for row in batch.rows] == [result(1), result(2)]
        assert sorted({row.id for row in batch.rows}) == [row.id for row in batch.rows]


async def test_block_that_ends_well_marks_its_messages_sent(world: RelayWorld) -> None:
    """Messages of a block that ends normally do not come again."""
    await write(world, [result(1), result(2), result(3)])

    assert await lent(world.here, 2) == ["1-0", "2-0"]
    assert await lent(world.here) == ["3-0"]
    assert await lent(world.there) == []


async def test_block_that_raises_leaves_its_messages_unsent(world: RelayWorld) -> None:
    """The block's error is raised unchanged, and its messages come again."""
    await write(world, [result(1)])

    with pytest.raises(ZeroDivisionError):
        async with world.here.batch(limit=10):
            raise ZeroDivisionError

    assert await lent(world.there) == ["1-0"]


async def test_cancelled_block_leaves_its_messages_unsent(world: RelayWorld) -> None:
    """A cancelled block marks nothing sent."""
    await write(world, [result(1)])
    borrowed = asyncio.Event()

    async def borrow_forever() -> None:
        async with world.here.batch(limit=10):
            borrowed.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(borrow_forever())
    await borrowed.wait()
    task.cancel()
    await asyncio.wait([task])

    assert await lent(world.there) == ["1-0"]


async def test_one_borrower_at_a_time(world: RelayWorld) -> None:
    """While a batch is borrowed others get an empty one, without waiting."""
    await write(world, [result(1)])

    async with world.here.batch(limit=10):
        assert await lent(world.there) == []


async def test_fence_grows(world: RelayWorld) -> None:
    """Each batch has a higher fence than the one before, whoever borrows it."""
    fences = []
    for outbox in (world.here, world.there, world.here):
        await write(world, [result(1)])
        async with outbox.batch(limit=10) as batch:
            fences.append(batch.fence)

    assert fences == sorted(set(fences))


async def test_fence_is_at_least_the_store_s_clock(world: RelayWorld) -> None:
    """Fences in microseconds keep growing after the database is restored from a backup."""
    await write(world, [result(1)])

    async with world.here.batch(limit=10) as batch:
        assert batch.fence >= NOON.timestamp() * 1_000_000


async def test_fence_grows_when_the_clock_steps_back(world: RelayWorld) -> None:
    """Fences grow across borrowers, however the previous batch ended."""
    await write(world, [result(1)])
    world.step_clock_back()

    fences = [await peek(outbox) for outbox in (world.here, world.there, world.here)]

    assert fences == [AHEAD + 1, AHEAD + 2, AHEAD + 3]


async def test_borrower_that_was_cut_off_is_fenced_when_the_clock_steps_back(
    world: RelayWorld,
) -> None:
    """A fence is not drawn twice, even if its transaction never ended."""
    await write(world, [result(1)])
    world.step_clock_back()

    with pytest.raises(ServiceUnavailable):
        await be_cut_off(world)


async def test_raised_fence_is_passed(world: RelayWorld) -> None:
    """The next batch's fence exceeds the raised one, and no fence is ever lowered."""
    await write(world, [result(1)])
    await world.here.raise_fence(AHEAD)
    await world.there.raise_fence(RelayFence(5))

    assert await peek(world.here) == AHEAD + 1


async def test_fence_raised_while_a_batch_is_lent_is_passed(world: RelayWorld) -> None:
    """Raising may wait for the end of the batch, whose commit does not revert it."""
    await write(world, [result(1), result(2)])

    async with world.here.batch(limit=1):
        raised = asyncio.create_task(world.there.raise_fence(AHEAD))
        await asyncio.sleep(0)
    await raised

    assert await peek(world.here) == AHEAD + 1


async def test_streams_that_have_seen_a_higher_fence_do_not_stop_messages(
    world: RelayWorld,
) -> None:
    """The outbox draws a fence above the publisher's, and the batch is sent."""
    await write(world, [result(1)])
    await world.other_publisher.publish(OutboxBatch(AHEAD))
    with pytest.raises(StaleBatch) as stale:
        async with world.here.batch(limit=10) as batch:
            await world.publisher.publish(batch)

    await world.here.raise_fence(stale.value.highest)
    async with world.here.batch(limit=10) as batch:
        await world.publisher.publish(batch)

    assert await numbers(world) == [1]


async def test_empty_batch_draws_no_fence(database_dsn: str, redis_addr: str) -> None:
    """An empty batch writes nothing to the database."""
    async with open_relays(database_dsn, redis_addr) as world:
        assert isinstance(world, RealRelays)
        assert await lent(world.here) == []

        assert world.execute("SELECT last_value FROM outbox_fence") == [(0,)]


async def test_message_has_a_token_of_its_own(world: RelayWorld) -> None:
    """Equal messages have different tokens; one message keeps its token."""
    await write(world, [result(1), result(1)])
    with pytest.raises(ZeroDivisionError):
        async with world.here.batch(limit=10) as batch:
            raise ZeroDivisionError

    async with world.there.batch(limit=10) as again:
        assert list(again.rows) == list(batch.rows)
        assert len({row.token for row in again.rows}) == 2


async def test_borrower_that_was_cut_off_marks_nothing(world: RelayWorld) -> None:
    """It gets an error at the end of its block, and its messages come again."""
    await write(world, [result(1)])

    with pytest.raises(ServiceUnavailable):
        await be_cut_off(world)

    assert await lent(world.there) == ["1-0"]


async def be_cut_off(world: RelayWorld) -> None:
    """Borrow, lose the lock, and end the block after another has borrowed."""
    async with world.here.batch(limit=10) as batch:
        world.cut_off()
        fence = None
        async with asyncio.timeout(10):
            while fence is None:
                fence = await peek(world.there)
        assert fence > batch.fence


async def peek(outbox: Outbox) -> RelayFence | None:
    """Return the fence of a batch that is returned unsent; None when it is borrowed already."""
    with suppress(ZeroDivisionError):
        async with outbox.batch(limit=10) as batch:
            raise ZeroDivisionError
    return batch.fence if batch.rows else None


async def test_end_whose_reply_was_lost_has_marked_them(world: RelayWorld) -> None:
    """The borrower gets ServiceUnavailable, and its messages are marked sent."""
    await write(world, [result(1)])
    world.lose_reply_to_commit()

    with pytest.raises(ServiceUnavailable):
        await lent(world.here)

    assert await lent(world.there) == []


async def test_listener_is_woken_by_a_commit(world: RelayWorld) -> None:
    """A commit of any process wakes the listener, so results do not wait for a timer."""
    woken = asyncio.Event()
    listening = asyncio.Event()

    async def listen() -> None:
        async with world.here.wakeups() as wakeups:
            listening.set()
            async for _ in wakeups:
                woken.set()

    task = asyncio.create_task(listen())
    await listening.wait()
    await write(world, [result(1)])
    async with asyncio.timeout(10):
        await woken.wait()
    task.cancel()
    await asyncio.wait([task])

    assert await lent(world.here) == ["1-0"]


async def test_sent_messages_are_pruned(world: RelayWorld) -> None:
    """Only sent messages that are old enough are pruned, up to the given count."""
    await write(world, [result(number) for number in range(5)])
    assert await world.here.prune(sent_before=LATER, limit=10) == 0
    await lent(world.here, 4)

    assert await world.here.prune(sent_before=NOON - timedelta(days=1), limit=10) == 0
    assert await world.here.prune(sent_before=LATER, limit=3) == 3
    assert await world.here.prune(sent_before=LATER, limit=3) == 1
    assert await lent(world.here) == ["4-0"]


def deduplicated(number: int, key: str = "same") -> OutboxMessage:
    """Return a result whose key has a dedup window of a minute."""
    return replace(result(number), dedup_key=key, dedup_window=60.0)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, ["1-0"]), (59, ["1-0"]), (60, ["1-0", "2-0"])]
)
async def test_message_in_the_dedup_window_of_its_key_is_not_written(
    world: RelayWorld, seconds: float, expected: list[str]
) -> None:
    """The window lasts that many seconds after a message, whether or not it was sent."""
    await write(world, [deduplicated(1)])
    seen = await lent(world.here)

    again = deduplicated(2)
    await write(world, [again], at=NOON + timedelta(seconds=seconds))

    assert seen + await lent(world.here) == expected


async def test_duplicate_does_not_prolong_the_dedup_window(world: RelayWorld) -> None:
    """A game that keeps failing is reported once per window, not once forever."""
    for second in (0, 40, 80):
        message = deduplicated(second)
        await write(world, [message], at=NOON + timedelta(seconds=second))

    assert await lent(world.here) == ["0-0", "80-0"]


async def test_other_keys_and_messages_without_one_are_written(world: RelayWorld) -> None:
    """Only messages of the same key are deduplicated."""
    await write(world, [deduplicated(1), result(2)])
    await write(world, [deduplicated(3, "other"), result(4)])

    assert await lent(world.here) == ["1-0", "2-0", "3-0", "4-0"]


async def test_of_many_at_once_one_is_written(world: RelayWorld) -> None:
    """Two processes that fail at the same moment write one intent."""
    message = deduplicated(1)

    await asyncio.gather(*(write(world, [message]) for _ in range(8)))

    assert await lent(world.here) == ["1-0"]


async def test_duplicate_waits_for_the_message_that_is_being_written(
    database_dsn: str, redis_addr: str
) -> None:
    """A duplicate waits for the commit of the first; other keys do not wait."""
    async with open_relays(database_dsn, redis_addr) as world:
        assert isinstance(world, RealRelays)
        async with world.pools[1].transaction() as connection:
            await insert_messages(connection, [deduplicated(1)], at=NOON)
            await (await connection.execute("SELECT 1")).fetchone()
            same = asyncio.create_task(write(world, [deduplicated(2)]))
            async with asyncio.timeout(10):
                while not world.execute(WAITS_FOR_A_KEY):  # noqa: ASYNC110 - the server sends no notice
                    await asyncio.sleep(0.01)
            await write(world, [deduplicated(3, "other")])
        await same

        assert await lent(world.here) == ["1-0", "3-0"]


async def test_message_with_an_open_dedup_window_is_not_pruned(world: RelayWorld) -> None:
    """Deleting it would end the window."""
    await write(world, [deduplicated(1)], at=LATER)
    await lent(world.here)

    await world.here.prune(sent_before=LATER, limit=10)
    await write(world, [deduplicated(2)], at=LATER)

    assert await lent(world.here) == []


@pytest.mark.parametrize("call", ["batch", "raise", "prune", "wakeups"])
async def test_unreachable_store_raises_service_unavailable(world: RelayWorld, call: str) -> None:
    """Every method raises ServiceUnavailable while the store is away."""

    async def listen() -> None:
        async with world.here.wakeups():
            pass

    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "batch": lambda: lent(world.here),
        "raise": lambda: world.here.raise_fence(RelayFence(7)),
        "prune": lambda: world.here.prune(sent_before=NOON, limit=1),
        "wakeups": listen,
    }
    world.database_goes()

    with pytest.raises(ServiceUnavailable):
        await calls[call]()
