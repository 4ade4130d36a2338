import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.operator_events import EventTable, InMemoryOperatorEvents
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight import event_subscription
from rtmanager.domain.insight.event_feed import EventFeed
from rtmanager.domain.insight.event_subscription import Mark, Subscription
from rtmanager.domain.insight.health import HealthState
from rtmanager.domain.insight.operator_events import HealthChange
from tests.unit.workers.turns import turns

HEALTHY = HealthChange(state=HealthState.HEALTHY)


class Stand:
    """A feed on a log in memory, whose reader is the test."""

    def __init__(self) -> None:
        self.table = EventTable()
        self.reads = 0
        self.held: asyncio.Event | None = None
        self.is_away = False
        log = with_faults(InMemoryOperatorEvents(self.table), "log", self._fault)
        self.feed = EventFeed(log)

    async def _fault(self, call: str) -> None:
        self.reads += call == "log.read"
        if call == "log.read:done" and self.held:
            await self.held.wait()
        if self.is_away:
            raise ServiceUnavailable

    def happen(self, *numbers: int) -> None:
        """Write events of games with these numbers."""
        for number in numbers:
            self.table.add(GameId(f"g{number}"), HEALTHY)

    @property
    def last_id(self) -> str:
        """The id of the latest event."""
        return str(self.table.events[-1].id)


@pytest.fixture
def stand() -> Stand:
    """Return a feed that nobody follows yet."""
    return Stand()


async def received(subscription: Subscription) -> Sequence[str]:
    """Return the games of the next delivery, or its mark; empty at the end."""
    async with asyncio.timeout(5):
        delivery = await subscription.receive()
    if delivery is None:
        return []
    return [delivery.mark] if delivery.mark else [each.game_id for each in delivery.events]


async def test_subscription_without_an_id_begins_now(stand: Stand) -> None:
    """What happened before is not sent; `ready` is, with the id of now."""
    stand.happen(1)
    async with stand.feed.subscribed(None) as subscription:
        assert await received(subscription) == [Mark.READY]
        assert str(subscription.position) == stand.last_id
        stand.happen(2, 3)
        await stand.feed.advance()

        assert await received(subscription) == ["g2", "g3"]


async def test_subscription_with_an_id_gets_first_what_it_has_missed(stand: Stand) -> None:
    """Then what happens, without a mark between."""
    stand.happen(1)
    after = stand.last_id
    stand.happen(2)
    async with stand.feed.subscribed(after) as subscription:
        stand.happen(3)
        await stand.feed.advance()

        assert await received(subscription) == ["g2", "g3"]
        stand.happen(4)
        await stand.feed.advance()
        assert await received(subscription) == ["g4"]


async def test_event_that_is_read_and_handed_out_at_once_comes_once(stand: Stand) -> None:
    """The reader goes on while a new subscriber still reads what it has missed."""
    stand.happen(1)
    after = stand.last_id
    stand.happen(2)
    async with stand.feed.subscribed(after) as subscription:
        stand.held = asyncio.Event()
        missed = asyncio.create_task(received(subscription))
        await turns(5)
        stand.happen(3)
        handed_out = asyncio.create_task(stand.feed.advance())
        stand.held.set()
        await handed_out

        assert await missed == ["g2"]
        assert await received(subscription) == ["g3"]
        stand.happen(4)
        await stand.feed.advance()
        assert await received(subscription) == ["g4"]


async def test_of_events_that_are_handed_out_together_only_new_ones_come(stand: Stand) -> None:
    """A subscriber that is ahead of the reader has some of them already."""
    stand.happen(1)
    async with stand.feed.subscribed(stand.last_id) as subscription:
        stand.happen(2)
        assert await received(subscription) == ["g2"]
        stand.happen(3)
        await stand.feed.advance()

        assert await received(subscription) == ["g3"]


async def test_long_backlog_comes_in_pages(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page is skipped or repeated."""
    monkeypatch.setattr(event_subscription, "PAGE", 3)
    stand.happen(0)
    after = stand.last_id
    stand.happen(*range(1, 8))
    async with stand.feed.subscribed(after) as subscription:
        parts = [await received(subscription) for _ in range(3)]

    assert parts == [["g1", "g2", "g3"], ["g4", "g5", "g6"], ["g7"]]


@pytest.mark.parametrize("after", ["", "nonsense", "1-2", "7-7-7", "1-1-1-1", "-1-1-1", "9" * 99])
async def test_unknown_id_begins_anew(stand: Stand, after: str) -> None:
    """`reset` comes first, then what happens from now on."""
    stand.happen(1)
    async with stand.feed.subscribed(after) as subscription:
        stand.happen(2)
        await stand.feed.advance()

        assert await received(subscription) == [Mark.RESET]
        assert await received(subscription) == ["g2"]


async def test_everybody_gets_every_event_of_one_read(stand: Stand) -> None:
    """A hundred subscribers cost one query, and share its events."""
    async with AsyncExitStack() as open_ones:
        everyone = [
            await open_ones.enter_async_context(stand.feed.subscribed(None)) for _ in range(100)
        ]
        for each in everyone:
            await received(each)
        stand.happen(1)
        before = stand.reads
        await stand.feed.advance()
        first = [await each.receive() for each in everyone]

    assert stand.reads == before + 1
    assert all(each is not None and each.events[0] is stand.table.events[0] for each in first)


async def test_new_subscriber_takes_no_event_from_those_who_wait(stand: Stand) -> None:
    """It begins now, and the reader where it was: what happened before is still handed out."""
    async with stand.feed.subscribed(None) as earlier:
        assert await received(earlier) == [Mark.READY]
        stand.happen(1)
        async with stand.feed.subscribed(None) as later:
            assert await received(later) == [Mark.READY]
            stand.happen(2)
            await stand.feed.advance()

            assert await received(earlier) == ["g1", "g2"]
            assert await received(later) == ["g2"]


async def test_whoever_does_not_keep_up_is_cut_and_continues_with_its_id(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs no memory, holds up nobody, and misses nothing when it comes again."""
    monkeypatch.setattr(event_subscription, "MAX_WAITING", 2)
    async with stand.feed.subscribed(None) as slow, stand.feed.subscribed(None) as quick:
        for each in (slow, quick):
            await received(each)
        stand.happen(1)
        await stand.feed.advance()
        assert await received(slow) == await received(quick) == ["g1"]
        for number in (2, 3, 4):
            stand.happen(number)
            await stand.feed.advance()
            assert await received(quick) == [f"g{number}"]

        assert await received(slow) == []
    async with stand.feed.subscribed(str(slow.position)) as again:
        assert await received(again) == ["g2", "g3", "g4"]


async def test_nothing_is_read_while_nobody_follows(stand: Stand) -> None:
    """The reader waits for the first subscriber, and again after the last."""
    assert await stand.feed.advance() is None
    async with stand.feed.subscribed(None):
        await stand.feed.wanted()
    stand.happen(1)

    assert await stand.feed.advance() is None
    assert len(stand.feed) == 0
    waiting = asyncio.create_task(stand.feed.wanted())
    await turns(5)
    assert not waiting.done()
    waiting.cancel()


async def test_later_subscriber_does_not_begin_where_an_earlier_reader_was(stand: Stand) -> None:
    """A read under way when the last one left changes nothing for the next."""
    async with stand.feed.subscribed(None):
        stand.held = asyncio.Event()
        reading = asyncio.create_task(stand.feed.advance())
        await turns(5)
    stand.held.set()
    await reading
    stand.held = None
    stand.happen(*range(10))
    async with stand.feed.subscribed(None) as subscription:
        assert await received(subscription) == [Mark.READY]
        page = await stand.feed.advance()

    assert page is not None
    assert page.events == []


async def test_database_restored_from_a_copy_resets_everybody(stand: Stand) -> None:
    """Its ids go back: what follows would seem to be known already."""
    stand.happen(1)
    copy = list(stand.table.events)
    stand.happen(2, 3)
    async with stand.feed.subscribed(None) as subscription:
        await received(subscription)
        stand.table.events[:] = copy
        await stand.feed.advance()
        assert await received(subscription) == [Mark.RESET]
        stand.table.events[:] = copy
        stand.happen(4)
        await stand.feed.advance()

        assert await received(subscription) == ["g4"]


async def test_too_many_subscriptions_are_refused_with_what_to_do(stand: Stand) -> None:
    """The next is possible as soon as one has ended."""
    async with stand.feed.subscribed(None, most=1):
        with pytest.raises(ServiceUnavailable, match="close some, or connect again later"):
            async with stand.feed.subscribed(None, most=1):
                pass
    async with stand.feed.subscribed(None, most=1):
        assert len(stand.feed) == 1


async def test_closing_ends_everybody_and_admits_nobody(stand: Stand) -> None:
    """Those that wait end at once."""
    async with stand.feed.subscribed(None) as subscription:
        await received(subscription)
        waiting = asyncio.create_task(received(subscription))
        await turns(5)
        stand.feed.close()

        assert await waiting == []
    with pytest.raises(ServiceUnavailable, match="shutting down"):
        async with stand.feed.subscribed(None):
            pass


async def test_subscription_that_cannot_begin_leaves_nothing_behind(stand: Stand) -> None:
    """Without the store nobody can say where now is."""
    stand.is_away = True

    with pytest.raises(ServiceUnavailable):
        async with stand.feed.subscribed(None):
            pass
    assert len(stand.feed) == 0
