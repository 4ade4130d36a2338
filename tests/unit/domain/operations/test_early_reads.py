"""What is read of Docker beside the transaction that admits an operation."""

import asyncio

import pytest

from rtmanager.domain.errors import Conflict, DockerUnavailable
from rtmanager.domain.operations.early_reads import LISTED, MAX_AGE, NAMED, EarlyReads
from tests.unit.domain.faults import unavailable
from tests.unit.domain.world import GAME, OTHER, Hang, World

EARLY = {"host.containers_of", "host.named", "host.network_exists", "host.image"}


async def _answer() -> str:
    return "read early"


async def test_reads_of_a_start_begin_while_it_is_admitted(world: World) -> None:
    """Each is sent once, before the transaction has ended."""
    begin = Hang()
    world.manager.on("store.begin:done", begin)
    starting = asyncio.create_task(world.manager.start())
    await begin.reached.wait()

    assert set(world.manager.calls) >= EARLY
    begin.release()
    await starting
    after = world.manager.calls[world.manager.calls.index("directories.prepare") :]
    assert world.manager.calls.count("host.containers_of") == 1
    assert world.manager.calls.count("host.image") == 1
    assert "host.network_exists" not in after


async def test_refused_request_reads_nothing_early(running: World) -> None:
    """It asks what runs, and no more."""
    before = len(running.manager.calls)

    with pytest.raises(Conflict):
        await running.manager.start(OTHER)

    assert EARLY.isdisjoint(running.manager.calls[before:])


async def test_stop_observes_after_its_beginning(running: World) -> None:
    """Its first observation may be its last: nothing of it is read early."""
    before = len(running.manager.calls)

    await running.manager.stop()

    calls = running.manager.calls[before:]
    assert calls.index("store.begin:done") < calls.index("host.containers_of")


async def test_error_of_an_early_read_is_the_operations(world: World) -> None:
    """Without an observation the operation stays open, and is resumed from a new one."""
    world.manager.on("host.named", unavailable())

    with pytest.raises(DockerUnavailable):
        await world.manager.start()
    await world.manager.resume()

    assert world.last.outcome is not None
    assert world.record is not None
    assert world.record.game_id == GAME


async def test_each_is_taken_once(world: World) -> None:
    """Whoever needs it again reads again."""
    with EarlyReads(world.clock) as early:
        early.begin(7, {NAMED: _answer()})
        taken = early.take(NAMED)

        assert taken is not None
        assert await taken == "read early"
        assert early.take(NAMED) is None
        assert early.moment == 7


async def test_old_reads_are_not_taken(world: World) -> None:
    """A transaction that took long has outdated them all."""
    with EarlyReads(world.clock) as early:
        early.begin(7, {NAMED: _answer(), LISTED: _answer()})
        world.clock.advance(MAX_AGE)

        assert early.take(NAMED) is None
        assert early.take(LISTED) is None
        assert early.moment == 0


async def test_reads_end_with_the_block() -> None:
    """Nobody will take them."""
    world, hang = World(), Hang()
    with EarlyReads(world.clock) as early:
        early.begin(7, {NAMED: hang()})
        await hang.reached.wait()
        (read,) = early._begun.values()  # noqa: SLF001 - what becomes of it
    await asyncio.wait([read])

    assert read.cancelled()


async def test_nothing_read_early_is_used_after_an_action(world: World) -> None:
    """After a pull, which may take minutes, the network is asked for again."""
    world.docker.remove_image(OTHER)
    world.docker.add_image(OTHER, in_registry=True)

    await world.manager.start(OTHER)

    assert world.manager.calls.count("host.network_exists") == 2
