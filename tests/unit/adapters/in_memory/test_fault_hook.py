"""The fault proxy wraps every call of a port and changes nothing else about it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.container_events import InMemoryContainerEvents
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.game_lease import InMemoryGameLeases, LeaseConnection
from rtmanager.adapters.in_memory.leadership import Claim, InMemoryLeadership
from rtmanager.adapters.in_memory.outbox import InMemoryOutbox, OutboxTable
from rtmanager.adapters.in_memory.state_directories import InMemoryStateDirectories
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.container_host import DockerUnavailable
from rtmanager.domain.ports.game_lease import LeaseBusy
from tests.builders import NOON, make_message

GAME = GameId("g1")


class Lost(Exception):
    """A lost request or a lost reply."""


class Faults:
    """Records every call and fails at one of them."""

    def __init__(self, fails_at: str = "") -> None:
        self.calls: list[str] = []
        self.fails_at = fails_at
        self.error: BaseException = Lost()

    async def __call__(self, call: str) -> None:
        self.calls.append(call)
        if call == self.fails_at:
            raise self.error


async def test_hook_is_awaited_before_a_call_and_after_its_effect() -> None:
    """The hook runs once before and once after the effect of a call."""
    directories = InMemoryStateDirectories()
    seen: list[tuple[str, int]] = []

    async def hook(call: str) -> None:
        seen.append((call, len(directories.directories)))

    await with_faults(directories, "directories", hook).prepare(GAME, uid=1, gid=2)

    assert seen == [("directories.prepare", 0), ("directories.prepare:done", 1)]


@pytest.mark.parametrize(("point", "made"), [("prepare", 0), ("prepare:done", 1)])
async def test_raising_before_loses_the_call_and_after_it_the_reply(point: str, made: int) -> None:
    """A lost call has no effect; one whose reply was lost has it."""
    directories = InMemoryStateDirectories()
    proxied = with_faults(directories, "directories", Faults(f"directories.{point}"))

    with pytest.raises(Lost):
        await proxied.prepare(GAME, uid=1, gid=2)
    assert len(directories.directories) == made


async def test_call_that_raises_by_itself_has_no_second_point() -> None:
    """A call that raises runs the hook only before it."""
    docker, faults = InMemoryDocker(reachable=False), Faults()
    host = with_faults(InMemoryContainerHost(docker=docker), "host", faults)

    with pytest.raises(DockerUnavailable):
        await host.ping()
    assert faults.calls == ["host.ping"]


async def test_what_is_no_call_is_passed_on() -> None:
    """Attributes, plain methods and the turn to start are local and never fail."""
    faults = Faults()
    host = with_faults(InMemoryContainerHost(network="other"), "host", faults)
    directories = with_faults(InMemoryStateDirectories(), "directories", faults)

    async with host.turn():
        assert (host.network, host.starts_wait) == ("other", False)
        assert directories.path(GAME).endswith("/g1")
    assert faults.calls == []


async def test_stream_of_events_is_hooked_at_its_start_and_at_each_event() -> None:
    """Entering the block and waiting for an event are each a call."""
    docker, faults = InMemoryDocker(), Faults()
    events = with_faults(InMemoryContainerEvents(docker=docker), "events", faults)

    async with events.listen(since=None) as stream:
        faults.fails_at = "events.next"
        with pytest.raises(Lost):
            await anext(aiter(stream))

    assert faults.calls == ["events.listen", "events.listen:done", "events.next"]


async def test_stream_whose_confirmation_is_lost_is_given_up() -> None:
    """An error after entering the block leaves it."""
    docker = InMemoryDocker()
    faults = Faults("events.listen:done")

    with pytest.raises(Lost):
        async with with_faults(InMemoryContainerEvents(docker=docker), "events", faults).listen(
            since=None
        ):
            pytest.fail("the block was entered")
    assert docker.listeners == []


def _outbox(faults: Faults) -> tuple[OutboxTable, InMemoryOutbox]:
    table = OutboxTable()
    table.insert([make_message()], at=NOON)
    return table, with_faults(InMemoryOutbox(table, ManualClock()), "outbox", faults)


@pytest.mark.parametrize(
    ("point", "sent"),
    [("batch", 0), ("batch:done", 0), ("commit", 0), ("commit:done", 1)],
)
async def test_batch_can_be_lost_at_both_ends(point: str, sent: int) -> None:
    """Only committed messages count as sent, and the lock is always released."""
    table, outbox = _outbox(Faults(f"outbox.{point}"))

    with pytest.raises(Lost):
        async with outbox.batch(limit=1):
            pass
    assert len(table.sent_at) == sent
    assert table.borrower is None


async def test_block_that_raises_is_not_committed() -> None:
    """A block that raises has no call at its end."""
    faults = Faults()
    table, outbox = _outbox(faults)

    with pytest.raises(Lost):
        async with outbox.batch(limit=1):
            raise Lost
    assert faults.calls == ["outbox.batch", "outbox.batch:done"]
    assert table.sent_at == {}


async def test_notification_is_hooked_when_it_arrives() -> None:
    """A notification has one point, at its arrival, where it can be lost."""
    faults = Faults()
    table, outbox = _outbox(faults)

    async with outbox.wakeups() as wakeups:
        waits = asyncio.ensure_future(anext(aiter(wakeups)))
        await asyncio.sleep(0)
        assert faults.calls == ["outbox.wakeups"]
        table.insert([make_message()], at=NOON)
        await waits

    assert faults.calls == ["outbox.wakeups", "outbox.notify"]


def _leases(faults: Faults) -> tuple[LeaseConnection, InMemoryGameLeases]:
    connection = LeaseConnection(ManualClock())
    return connection, InMemoryGameLeases(with_faults(connection, "lease", faults))


async def test_each_try_at_a_lease_is_a_call() -> None:
    """Each attempt at a held lease is a call; only success has a second point."""
    faults = Faults()
    connection, leases = _leases(faults)
    other = InMemoryGameLeases(LeaseConnection(connection.clock, grants=connection.grants))

    async with other.hold(GAME, wait=0.0):
        with pytest.raises(LeaseBusy):
            async with leases.hold(GAME, wait=0.1):
                pytest.fail("two have it")
    assert set(faults.calls) == {"lease.acquire"}
    assert len(faults.calls) > 1


@pytest.mark.parametrize(
    ("point", "then"),
    [("lease.acquire", []), ("lease.acquire:done", ["lease.release", "lease.release:done"])],
)
async def test_lease_whose_reply_is_lost_is_released(point: str, then: list[str]) -> None:
    """A lease whose grant was lost is held by no one."""
    faults = Faults(point)
    connection, leases = _leases(faults)

    with pytest.raises(Lost):
        async with leases.hold(GAME, wait=0.0):
            pytest.fail("it was held")
    assert connection.grants == {}
    assert not connection.held
    assert faults.calls[faults.calls.index(point) + 1 :] == then


async def test_release_that_fails_raises_nothing() -> None:
    """A lease that cannot be released is no longer renewed and expires."""
    faults = Faults("lease.release")
    connection, leases = _leases(faults)

    async with leases.hold(GAME, wait=0.0):
        pass

    assert not connection.held
    assert connection.grants[GAME].expires_at is not None


def _campaign(leadership: InMemoryLeadership) -> Awaitable[object]:
    return leadership.campaign()


def _confirm(leadership: InMemoryLeadership) -> Awaitable[object]:
    return leadership.confirm()


@pytest.mark.parametrize(
    ("point", "call", "raises"),
    [
        ("leadership.campaign:done", _campaign, True),
        ("leadership.confirm", _confirm, False),
        ("leadership.confirm:done", _confirm, False),
    ],
)
async def test_claim_is_lost_with_the_call(
    point: str, call: Callable[[InMemoryLeadership], Awaitable[object]], *, raises: bool
) -> None:
    """A call that fails loses the connection, whether or not it had its effect."""
    claim, faults = Claim(), Faults(point)
    faults.error = ServiceUnavailable()
    leadership = InMemoryLeadership(with_faults(claim, "leadership", faults))
    if call is _confirm:
        await leadership.campaign()

    if raises:
        with pytest.raises(ServiceUnavailable):
            await call(leadership)
    else:
        assert not await call(leadership)
    assert claim.leader is None
