import asyncio
from datetime import timedelta

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.outbox import InMemoryOutbox, OutboxTable
from rtmanager.adapters.in_memory.streams import InMemoryMessagePublisher, InMemoryStreams
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messaging.relay_outbox import BATCH, RelayOutbox
from rtmanager.workers.relay import MAX_NAP, MAX_PAUSE, OutboxRelay
from tests.builders import make_message
from tests.unit.workers.turns import running, turns, until


class Desk:
    """A relay whose clock stands still until the test moves it."""

    def __init__(self) -> None:
        self.table, self.streams = OutboxTable(), InMemoryStreams()
        self.clock = ManualClock(auto=False)
        outbox = with_faults(InMemoryOutbox(self.table, self.clock), "outbox", self._fault)
        publisher = with_faults(InMemoryMessagePublisher(self.streams), "publisher", self._fault)
        cycle = RelayOutbox(outbox, publisher, self.clock, timedelta(hours=1))
        self.relay = OutboxRelay(cycle, outbox, self.clock)
        self.away: set[str] = set()
        self.held: dict[str, asyncio.Event] = {}
        self.calls: list[str] = []

    async def _fault(self, call: str) -> None:
        self.calls.append(call)
        if event := self.held.get(call):
            await event.wait()
        if call in self.away:
            raise ServiceUnavailable

    def write(self, number: int) -> None:
        """Commit a message."""
        self.table.insert([make_message(fields={"n": str(number)})], at=self.clock.now())

    @property
    def published(self) -> list[str]:
        """Return the published messages."""
        return [each.fields["n"] for each in self.streams.published]

    @property
    def batches(self) -> int:
        """Return how often the outbox was queried."""
        return self.calls.count("outbox.batch")

    async def pass_time(self, seconds: float) -> None:
        """Advance the clock in small steps."""
        for _ in range(round(seconds * 10) + 1):  # a tenth more, because sums of tenths fall short
            self.clock.advance(0.1)
            await turns(20)


@pytest.fixture
def desk() -> Desk:
    """Return a relay without messages."""
    return Desk()


async def test_message_is_relayed_when_it_is_committed(desk: Desk) -> None:
    """The relay is woken at once, without time passing."""
    async with running(desk.relay.run()):
        await until(lambda: len(desk.table.listeners) == 1)
        await turns(100)
        desk.write(1)
        await until(lambda: desk.published == ["1"])

    assert desk.clock.monotonic() == 0


async def test_message_committed_before_anyone_listened_is_relayed_at_once(desk: Desk) -> None:
    """No message is missed between the last query and the first notification."""
    desk.held["outbox.wakeups"] = asyncio.Event()
    async with running(desk.relay.run()):
        await until(lambda: desk.batches == 1)
        await turns(100)
        desk.write(1)
        desk.held["outbox.wakeups"].set()
        await until(lambda: desk.published == ["1"])

    assert desk.clock.monotonic() == 0


async def test_what_waits_at_the_start_is_relayed(desk: Desk) -> None:
    """Messages that another process left are relayed."""
    desk.write(1)

    async with running(desk.relay.run()):
        await until(lambda: desk.published == ["1"])


async def test_relay_rests_while_nothing_happens(desk: Desk) -> None:
    """An idle relay queries the outbox only now and then, in case a wake-up was lost."""
    async with running(desk.relay.run()):
        await turns(200)
        before = desk.batches
        await turns(200)
        assert desk.batches == before
        await desk.pass_time(MAX_NAP)

    assert desk.batches == before + 1


async def test_message_costs_one_batch(desk: Desk) -> None:
    """A batch that was not full is not followed by a look for more: each commit wakes the relay."""
    async with running(desk.relay.run()):
        await until(lambda: len(desk.table.listeners) == 1)
        await turns(100)
        before = desk.batches
        desk.write(1)
        await until(lambda: desk.published == ["1"])
        await turns(100)

    assert desk.batches == before + 1


async def test_relay_works_without_wakeups(desk: Desk) -> None:
    """Without notifications the relay is only slower."""
    desk.away.add("outbox.wakeups")

    async with running(desk.relay.run()):
        await turns(200)
        desk.write(1)
        await desk.pass_time(MAX_NAP)
        await until(lambda: desk.published == ["1"])

    assert desk.relay.status.failures == 0
    assert desk.relay.wakeup_status.failures > 0


async def test_lost_listener_listens_again(desk: Desk) -> None:
    """Messages that were committed meanwhile are relayed."""
    async with running(desk.relay.run()):
        await until(lambda: len(desk.table.listeners) == 1)
        desk.away.add("outbox.notify")
        desk.write(1)
        await until(lambda: not desk.table.listeners)
        desk.away.clear()
        await desk.pass_time(MAX_NAP)
        await until(lambda: len(desk.table.listeners) == 1)

    assert desk.published == ["1"]


@pytest.mark.parametrize("away", ["publisher.publish", "outbox.batch", "outbox.commit"])
async def test_outage_is_waited_for_with_growing_pauses(desk: Desk, away: str) -> None:
    """Nothing is lost, and the end of the outage is noticed within seconds."""
    desk.away.add(away)
    desk.write(1)

    async with running(desk.relay.run()):
        await desk.pass_time(60)
        assert 10 < desk.batches < 30
        assert desk.relay.status.failures_in_a_row == desk.batches
        desk.away.clear()
        await desk.pass_time(MAX_PAUSE)
        await until(lambda: desk.published == ["1"])

    assert desk.relay.status.failures_in_a_row == 0


@pytest.mark.parametrize("loop", ["outbox wakeups", "outbox relay"])
async def test_loop_that_is_cancelled_alone_ends_the_relay(desk: Desk, loop: str) -> None:
    """When one of its loops is cancelled the whole relay ends and can be restarted."""
    async with running(desk.relay.run()) as relay:
        await until(lambda: len(desk.table.listeners) == 1)
        (one,) = (task for task in asyncio.all_tasks() if task.get_name() == loop)
        one.cancel()
        await until(relay.done)

    assert relay.cancelled()
    assert not desk.table.listeners


async def test_message_committed_while_an_empty_batch_is_lent_is_relayed_at_once(
    desk: Desk,
) -> None:
    """A wake-up during a batch makes the relay query once more before it sleeps."""
    async with running(desk.relay.run()):
        await until(lambda: len(desk.table.listeners) == 1)
        await turns(100)
        query = desk.held["outbox.batch:done"] = asyncio.Event()
        looks = desk.batches
        desk.clock.advance(MAX_NAP)
        await until(lambda: desk.batches == looks + 1)
        desk.write(1)
        await turns(20)
        query.set()
        await until(lambda: desk.published == ["1"])

    assert desk.clock.monotonic() == MAX_NAP


async def test_batch_follows_batch_without_a_pause(desk: Desk) -> None:
    """A backlog is sent in order and without pauses."""
    everything = [str(number) for number in range(4 * BATCH + 1)]
    for number in everything:
        desk.write(int(number))

    async with running(desk.relay.run()):
        await until(lambda: len(desk.published) == len(everything))

    assert desk.published == everything
    assert desk.clock.monotonic() == 0
