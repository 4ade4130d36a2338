from dataclasses import replace
from datetime import timedelta

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.outbox import InMemoryOutbox, OutboxTable
from rtmanager.adapters.in_memory.streams import InMemoryMessagePublisher, InMemoryStreams
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.messaging import relay_outbox
from rtmanager.domain.messaging.relay_outbox import RelayOutbox
from rtmanager.domain.ports.outbox import RelayFence, StaleBatch
from tests.builders import make_message

KEEP = timedelta(hours=24)


class Unraisable(InMemoryOutbox):
    """An outbox whose fence cannot be raised."""

    async def raise_fence(self, above: RelayFence) -> None:
        """Raise nothing."""


class Desk:
    """An outbox, streams, and a relay between them."""

    def __init__(self) -> None:
        self.table, self.streams, self.clock = OutboxTable(), InMemoryStreams(), ManualClock()
        self.fault = ""
        self.calls: list[str] = []
        self.relay = RelayOutbox(
            with_faults(InMemoryOutbox(self.table, self.clock), "outbox", self._fault),
            with_faults(InMemoryMessagePublisher(self.streams), "publisher", self._fault),
            self.clock,
            KEEP,
        )

    async def _fault(self, call: str) -> None:
        self.calls.append(call)
        if call == self.fault:
            self.fault = ""
            raise ServiceUnavailable

    def write(self, count: int) -> None:
        """Commit this many messages."""
        messages = [make_message(fields={"n": str(number)}) for number in range(count)]
        self.table.insert(messages, at=self.clock.now())

    @property
    def published(self) -> list[str]:
        """Return the published messages."""
        return [each.fields["n"] for each in self.streams.published]


@pytest.fixture
def desk() -> Desk:
    """Return an empty outbox with its relay."""
    return Desk()


async def test_messages_are_sent_in_order(desk: Desk) -> None:
    """Messages are published in order, and the relay reports how many."""
    desk.write(3)

    assert await desk.relay.run() == 3
    assert desk.published == ["0", "1", "2"]


async def test_nothing_to_send_asks_nothing_of_the_streams(desk: Desk) -> None:
    """An idle relay does not call the publisher."""
    assert await desk.relay.run() == 0
    assert "publisher.publish" not in desk.calls


async def test_batches_are_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog after a long outage is sent in bounded batches."""
    monkeypatch.setattr(relay_outbox, "BATCH", 2)
    desk.write(3)

    assert [await desk.relay.run() for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize(
    "fault",
    [
        "outbox.batch",
        "outbox.batch:done",
        "publisher.publish",
        "publisher.publish:done",
        "outbox.commit",
        "outbox.commit:done",
    ],
)
async def test_fault_anywhere_loses_and_doubles_nothing(desk: Desk, fault: str) -> None:
    """After a fault at any call the next cycle sends each message exactly once."""
    desk.write(3)
    desk.fault = fault
    with pytest.raises(ServiceUnavailable):
        await desk.relay.run()

    await desk.relay.run()

    assert desk.published == ["0", "1", "2"]
    assert len(desk.table.sent_at) == 3


async def test_clock_that_stepped_back_stops_no_message(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A fence below the last one published is raised, and the messages are sent at once."""
    desk.write(1)
    await desk.relay.run()
    desk.streams.fence += 3_600_000_000  # as if drawn an hour later
    highest = desk.streams.fence
    desk.write(1)

    assert await desk.relay.run() == 1
    assert desk.published == ["0", "0"]
    (record,) = caplog.records
    assert (record.message, vars(record)["above"]) == ("outbox_fence_raised", highest)


async def test_stale_batch_that_stays_stale_is_an_outage(desk: Desk) -> None:
    """A fence that stays stale raises, so that the worker pauses before it retries."""
    desk.write(1)
    desk.streams.fence = 10**18
    outbox = Unraisable(desk.table, desk.clock)

    with pytest.raises(StaleBatch):
        await replace(desk.relay, outbox=outbox).run()
    assert desk.published == []


async def test_old_sent_messages_are_pruned(desk: Desk) -> None:
    """Sent messages are pruned after the configured time, and their number is reported."""
    desk.write(3)
    await desk.relay.run()
    desk.clock.advance(KEEP.total_seconds())
    assert await desk.relay.prune() == ""

    desk.clock.advance(1)

    assert await desk.relay.prune() == "3 sent messages pruned"


async def test_unsent_messages_are_never_pruned(desk: Desk) -> None:
    """Unsent messages are kept, however long the outage."""
    desk.write(1)
    desk.clock.advance(10 * KEEP.total_seconds())

    assert await desk.relay.prune() == ""
    assert await desk.relay.run() == 1


async def test_pruning_continues_until_nothing_old_is_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pruning runs in short steps until it is done."""
    monkeypatch.setattr(relay_outbox, "PRUNE_BATCH", 2)
    desk.write(5)
    await desk.relay.run()
    desk.clock.advance(2 * KEEP.total_seconds())

    assert await desk.relay.prune() == "5 sent messages pruned"
