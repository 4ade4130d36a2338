"""Inspection: Docker's own view of an engine is reported when it gets worse."""

import pytest

from rtmanager.adapters.in_memory.docker_effects import Moment
from rtmanager.domain.game_id import GameId
from tests.unit.domain.faults import refusal
from tests.unit.domain.watch import Watch, engine_of
from tests.unit.domain.world import GAME, World

GAMES = [GameId(f"game-{number}") for number in range(40)]
AN_HOUR = 3_600.0


@pytest.fixture
async def watch() -> Watch:
    """Return the monitoring of a game that runs."""
    world = World()
    await world.manager.start()
    return Watch(world)


async def test_healthy_engine_is_not_reported(watch: Watch) -> None:
    """An image without a health check and a passing one cause no event."""
    for health in (None, "healthy", "starting"):
        watch.world.engine.health = health
        assert await watch.inspect.run() == ""
    assert watch.reported == []


async def test_failing_health_check_is_reported_once(watch: Watch) -> None:
    """A failing check is reported once, and again only after it passed in between."""
    for health in ("unhealthy", "unhealthy", "healthy", "unhealthy"):
        watch.world.engine.health = health
        await watch.inspect.run()

    assert watch.reported == ["inspect_unhealthy"] * 2


async def test_growing_restart_count_is_reported_each_time(watch: Watch) -> None:
    """Each increase is an event with the new count."""
    for count in (1, 1, 3):
        watch.world.engine.restart_count = count
        await watch.inspect.run()

    assert watch.reported == ["inspect_unhealthy"] * 2
    event = watch.world.store.health_snapshots[GAME]
    assert event.details["reason"] == "the restart count grew from 1 to 3"
    assert set(event.details) == {"reason", "restart_count", "state", "health"}


async def test_restart_of_the_service_repeats_nothing(watch: Watch) -> None:
    """The baseline is durable, so a restart repeats no event."""
    watch.world.engine.health = "unhealthy"
    await watch.inspect.run()
    await Watch(watch.world, watch.world.process()).inspect.run()

    assert watch.reported == ["inspect_unhealthy"]


async def test_container_that_cannot_be_inspected_is_left_alone(watch: Watch) -> None:
    """A failed inspection is no event."""
    watch.process.on("host.inspect", refusal(), always=True)

    assert await watch.inspect.run() == ""
    assert watch.reported == []


async def test_container_that_exited_is_the_reconciler_s(watch: Watch) -> None:
    """An exit between list and inspection is left to the reconciler."""

    async def crash() -> None:
        watch.world.docker.crash(watch.world.engine.id)

    watch.process.on("host.list_containers:done", crash)
    watch.world.engine.health = "unhealthy"

    assert await watch.inspect.run() == ""
    assert watch.reported == []


async def inspected(watch: Watch) -> int:
    """Inspect once; return how many engines were inspected one by one."""
    before = len(watch.process.calls)
    await watch.inspect.run()
    return watch.process.calls[before:].count("host.inspect")


@pytest.fixture
async def many() -> Watch:
    """Return the monitoring of forty games that have run for an hour and were inspected."""
    world = World()
    for game in GAMES:
        await world.manager.start(game=game)
    world.clock.advance(AN_HOUR)
    watch = Watch(world)
    await watch.inspect.run()
    world.clock.advance(30)
    return watch


async def test_only_a_few_in_turn_are_inspected_when_the_list_shows_nothing_new(
    many: Watch,
) -> None:
    """Two of forty: a thousand engines cost one list, and fifty inspections."""
    assert await inspected(many) == 2


async def test_everything_is_inspected_in_turn(many: Watch) -> None:
    """Whatever the list shows, each engine has its turn within twenty rounds."""
    for game in GAMES:
        engine_of(many.world, game).restart_count = 1  # the list shows nothing of it
    for _ in range(20):
        await many.inspect.run()

    assert many.reported == ["inspect_unhealthy"] * len(GAMES)


async def test_an_engine_that_has_begun_again_is_inspected_at_once(many: Watch) -> None:
    """The list shows for how long each has been running."""
    clock = many.world.clock
    engine_of(many.world, GAMES[7]).restart(Moment(clock.now(), clock.monotonic()))

    assert "game-7 is unhealthy: the restart count grew" in await many.inspect.run()


async def test_a_clock_that_is_set_hides_no_restart(many: Watch) -> None:
    """Docker shows an engine that has just begun again as an hour old: all are inspected."""
    clock = many.world.clock
    engine_of(many.world, GAMES[7]).restart(Moment(clock.now(), clock.monotonic()))
    engine_of(many.world, GAMES[7])._born -= AN_HOUR  # noqa: SLF001 - Docker's clock is set too
    clock.set(AN_HOUR)

    assert "game-7 is unhealthy: the restart count grew" in await many.inspect.run()


async def test_changed_health_is_seen_at_once(many: Watch) -> None:
    """The list shows what Docker's own check says."""
    engine = engine_of(many.world, GAMES[7])
    engine.health = "unhealthy"
    assert await many.inspect.run() == "game-7 is unhealthy: Docker's health check fails"
    engine.health = "healthy"
    await many.inspect.run()
    engine.health = "unhealthy"

    assert await many.inspect.run() == "game-7 is unhealthy: Docker's health check fails"


async def test_new_process_inspects_all(many: Watch) -> None:
    """What an engine was like before is unknown to it."""
    assert await inspected(Watch(many.world, many.world.process())) == len(GAMES)
