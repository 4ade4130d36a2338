import logging

import pytest

from rtmanager.domain.container import container_name
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.monitoring.measure_disk_use import ENGINES_AT_ONCE
from rtmanager.domain.ports.container_host import HostRefused
from tests.unit.domain.world import GAME, World

GIB = 1 << 30
LIMIT = 10 * GIB


@pytest.fixture
async def world() -> World:
    """Return a host with one running engine."""
    world = World()
    await world.manager.start()
    return world


async def measured(
    world: World, caplog: pytest.LogCaptureFixture, *, container: int = 0, state: int = 0
) -> list[str]:
    """Measure the engine, which has written this much, and return the events in the log."""
    world.engine.written = container
    world.directories.sizes[world.directories.path(GAME)] = state
    caplog.clear()
    with caplog.at_level(logging.INFO):
        await world.manager.cycles.measure_disk_use.run()
    return [each.message for each in caplog.records]


async def test_platform_that_does_not_show_what_containers_write_is_no_fault(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """On a Swarm only the state directories are measured."""
    world.engine.written = None  # type: ignore[assignment]
    world.directories.sizes[world.directories.path(GAME)] = 9 * GIB

    await world.manager.cycles.measure_disk_use.run()

    assert [each.message for each in caplog.records] == ["disk_use_high"]


async def test_engine_within_its_limit_is_not_reported(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Up to four fifths of the limit nothing is said."""
    assert await measured(world, caplog, container=4 * GIB, state=4 * GIB) == []


@pytest.mark.parametrize(
    ("container", "state"), [(8 * GIB + 1, 0), (0, 8 * GIB + 1), (GIB, 8 * GIB)]
)
async def test_engine_near_its_limit_is_warned_of_once(
    world: World, caplog: pytest.LogCaptureFixture, container: int, state: int
) -> None:
    """What the engine wrote to its container and to its state counts together."""
    assert await measured(world, caplog, container=container, state=state) == ["disk_use_high"]
    (record,) = caplog.records

    assert record.levelno == logging.WARNING
    assert vars(record).items() >= {
        ("game_id", GAME),
        ("container_bytes", container),
        ("state_bytes", state),
        ("limit_bytes", LIMIT),
    }
    for _ in range(3):
        assert await measured(world, caplog, container=container, state=state) == []


async def test_engine_over_its_limit_is_warned_of_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Each level is reported once, on the way up and on the way down."""
    sizes = [9, 9, 11, 12, 9, 9, 1, 1]

    events = [await measured(world, caplog, state=size * GIB) for size in sizes]

    assert events == [
        ["disk_use_high"],
        [],
        ["disk_limit_exceeded"],
        [],
        ["disk_use_high"],
        [],
        ["disk_use_normal"],
        [],
    ]


async def test_engine_around_the_mark_floods_no_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An engine has recovered only well below the mark."""
    tenths = [81, 79, 81, 79, 71, 81, 69]

    events = [await measured(world, caplog, state=tenth * LIMIT // 100) for tenth in tenths]

    assert [each for event in events for each in event] == ["disk_use_high", "disk_use_normal"]


@pytest.mark.parametrize("error", [DockerUnavailable(), HostRefused("too many files")])
async def test_engine_that_cannot_be_measured_is_warned_of_once(
    world: World, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    """An engine cannot hide behind millions of files."""
    world.manager.on("host.disk_use", error, always=True)

    assert await measured(world, caplog) == ["disk_use_unknown"]
    assert await measured(world, caplog) == []
    assert await measured(world, caplog, state=9 * GIB) == ["disk_use_high"]


@pytest.mark.parametrize(
    ("size", "event"), [(9, "disk_use_high"), (11, "disk_limit_exceeded")], ids=["high", "exceeded"]
)
async def test_engine_that_cannot_be_measured_now_and_then_is_warned_of_once(
    world: World, caplog: pytest.LogCaptureFixture, size: int, event: str
) -> None:
    """What was not counted is not gone: only a complete measurement shows that there is less."""
    events = [await measured(world, caplog, container=size * GIB)]
    for _ in range(3):
        world.manager.on("host.disk_use", HostRefused("too many files"))
        events.append(await measured(world, caplog, container=size * GIB))
        events.append(await measured(world, caplog, container=size * GIB))
    events.append(await measured(world, caplog, container=GIB))

    assert [each for each in events if each] == [[event], ["disk_use_normal"]]


async def test_docker_that_is_gone_is_one_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """It says nothing about any engine: the round fails, once, and asks for no more of them."""
    for number in range(2, 9):
        await world.manager.start(game=GameId(f"g{number}"))
    world.manager.on("host.disk_use", DockerUnavailable("connection refused"), always=True)
    world.manager.on("host.ping", DockerUnavailable("connection refused"), always=True)

    with pytest.raises(DockerUnavailable, match="connection refused"):
        await measured(world, caplog)

    assert not caplog.records
    assert not world.manager.cycles.measure_disk_use.levels
    assert world.manager.calls.count("host.disk_use") <= ENGINES_AT_ONCE


async def test_state_that_cannot_be_counted_is_warned_of(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A state directory that hangs or has too many files is not taken for an empty one."""
    world.directories.hanging.add(world.directories.path(GAME))

    assert await measured(world, caplog) == ["disk_use_unknown"]


async def test_new_container_is_measured_anew(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """What was reported belongs to a container; nothing is kept of those that are gone."""
    assert await measured(world, caplog, container=9 * GIB) == ["disk_use_high"]
    await world.manager.restart()

    assert await measured(world, caplog, container=9 * GIB) == ["disk_use_high"]
    assert list(world.manager.cycles.measure_disk_use.levels) == [world.engine.id]


async def test_stopped_engine_is_not_measured(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Only what runs can write."""
    await world.manager.stop()

    assert await measured(world, caplog, container=11 * GIB) == []


async def test_one_engine_that_fails_hides_no_other(world: World) -> None:
    """Every engine is measured, and the sentence names those whose level changed."""
    other = GameId("g2")
    await world.manager.start(game=other)
    world.containers[container_name(other)].written = 11 * GIB
    world.manager.on("host.disk_use", DockerUnavailable())

    sentence = await world.manager.cycles.measure_disk_use.run()

    assert sentence.startswith("g1 has written 0 of ")
    assert sentence.endswith(f"; g2 has written {11 * GIB} of {LIMIT} bytes: exceeded")
