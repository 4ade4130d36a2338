"""Probing: one event per illness, one per recovery, whatever restarts in between."""

import pytest

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from tests.unit.domain.faults import unavailable
from tests.unit.domain.watch import Watch, engine_of
from tests.unit.domain.world import GAME, IMAGE, THRESHOLD, World

ILL = "galaxy/game:3.0.0"


@pytest.fixture
async def watch() -> Watch:
    """Return the monitoring of a game."""
    world = World()
    await world.manager.start()
    return Watch(world)


def fall_ill(watch: Watch, game: str = GAME) -> None:
    """Let an engine stop answering while it runs."""
    watch.world.image(ILL, healthy_after=None)
    image = watch.world.docker.find_image(ILL)
    assert image is not None
    engine_of(watch.world, game).image = image


def recover(watch: Watch, game: str = GAME) -> None:
    """Let an engine answer again."""
    image = watch.world.docker.find_image(IMAGE)
    assert image is not None
    engine_of(watch.world, game).image = image


async def probe(watch: Watch, times: int) -> list[str]:
    """Probe so many times; return what was said."""
    return [await watch.probe.run() for _ in range(times)]


async def test_healthy_engine_is_no_news(watch: Watch) -> None:
    """Nothing is told of an engine that answers."""
    assert await probe(watch, 5) == [""] * 5
    assert watch.told == []


async def test_failure_is_told_once_at_the_threshold(watch: Watch) -> None:
    """Not before, and not again while it lasts."""
    fall_ill(watch)

    said = await probe(watch, 2 * THRESHOLD)

    assert [bool(each) for each in said] == [False, False, True, False, False, False]
    assert watch.told == ["probe_failed"]


async def test_misses_must_come_in_a_row(watch: Watch) -> None:
    """An answer in between starts the count anew."""
    for _ in range(5):
        fall_ill(watch)
        await probe(watch, THRESHOLD - 1)
        recover(watch)
        await probe(watch, 1)

    assert watch.told == []


async def test_recovery_is_told_once_with_the_number_of_misses(watch: Watch) -> None:
    """The first answer after a failure that was told."""
    fall_ill(watch)
    await probe(watch, 5)
    recover(watch)

    said = await probe(watch, 3)

    assert said == [f"{GAME} answers again after 5 misses", "", ""]
    assert watch.told == ["probe_failed", "probe_recovered"]


async def test_restart_of_the_service_repeats_nothing(watch: Watch) -> None:
    """The baseline is durable: no second failure, and no recovery out of nothing."""
    fall_ill(watch)
    await probe(watch, THRESHOLD)
    again = Watch(watch.world, watch.world.process())
    await probe(again, 2 * THRESHOLD)
    assert again.told == ["probe_failed"]
    recover(again)
    await probe(again, 2)

    assert again.told == ["probe_failed", "probe_recovered"]


async def test_restart_of_the_service_on_healthy_engines_tells_no_recovery(watch: Watch) -> None:
    """Who was never told to be ill does not recover."""
    fall_ill(watch)
    await probe(watch, THRESHOLD - 1)
    recover(watch)
    await probe(Watch(watch.world, watch.world.process()), 3)

    assert watch.told == []


async def test_new_container_starts_with_a_clean_slate(watch: Watch) -> None:
    """The illness of the old container is not the new one's."""
    fall_ill(watch)
    await probe(watch, THRESHOLD)
    await watch.process.restart()
    await probe(watch, 2)

    assert watch.told == ["probe_failed"]


async def test_news_of_a_replaced_container_comes_too_late(watch: Watch) -> None:
    """A probe that was under way while the game was restarted tells nothing."""
    fall_ill(watch)
    await probe(watch, THRESHOLD - 1)
    other = watch.world.process()

    async def restart() -> None:
        await other.restart()

    watch.process.on("probe.check:done", restart)

    assert await probe(watch, 1) == [""]
    assert watch.told == []


async def test_unreachable_docker_counts_no_miss(watch: Watch) -> None:
    """Engines that cannot be found were not probed."""
    watch.process.on("host.list_containers", unavailable(), always=True)
    for _ in range(THRESHOLD):
        with pytest.raises(type(unavailable())):
            await watch.probe.run()

    assert watch.probe.misses == {}


async def unasked(watch: Watch, times: int) -> None:
    """Probe so many times while this process has nothing left to ask with."""
    address = engine_of(watch.world, GAME).address
    assert address
    watch.process.engine_probe.unaskable.add(address)
    for _ in range(times):
        with pytest.raises(ServiceUnavailable, match="1 engines could not be asked: too many open"):
            await watch.probe.run()
    watch.process.engine_probe.unaskable.remove(address)


async def test_trap_out_of_descriptors_is_not_a_miss(watch: Watch) -> None:
    """A fault of this process says nothing of the engines, however long it lasts."""
    await unasked(watch, 2 * THRESHOLD)

    assert watch.probe.misses == {}
    assert watch.told == []


async def test_engine_that_could_not_be_asked_neither_missed_nor_answered(watch: Watch) -> None:
    """The count of misses goes on where it was."""
    fall_ill(watch)
    await probe(watch, THRESHOLD - 1)
    await unasked(watch, 1)
    assert watch.told == []
    await probe(watch, 1)

    assert watch.told == ["probe_failed"]


async def test_engine_that_could_not_be_asked_has_not_recovered(watch: Watch) -> None:
    """Only an answer ends an illness."""
    fall_ill(watch)
    await probe(watch, THRESHOLD)
    await unasked(watch, 2)

    assert watch.told == ["probe_failed"]


async def test_engines_that_could_be_asked_are_news_all_the_same(watch: Watch) -> None:
    """The fault that is raised in the end names what was found until then."""
    other = GameId("g2")
    await watch.process.start(game=other)
    fall_ill(watch, other)
    await probe(watch, THRESHOLD - 1)
    address = engine_of(watch.world, GAME).address
    assert address
    watch.process.engine_probe.unaskable.add(address)

    with pytest.raises(ServiceUnavailable, match=r"1 engines could not .*g2 missed 3 probes"):
        await watch.probe.run()
    assert watch.told == ["probe_failed"]


async def test_one_engine_never_stops_the_others(watch: Watch) -> None:
    """A row that cannot be written holds up its own game only."""
    other = GameId("g2")
    await watch.process.start(game=other)
    fall_ill(watch)
    fall_ill(watch, other)
    await probe(watch, THRESHOLD - 1)
    watch.process.on("health.note", ServiceUnavailable())

    (said,) = await probe(watch, 1)

    assert said.count("missed 3 probes") == 1
    await probe(watch, 1)
    assert watch.told == ["probe_failed", "probe_failed"]


async def test_stopped_game_is_not_probed(watch: Watch) -> None:
    """What does not run by record is not the probe's."""
    await watch.process.stop()
    watch.process.calls.clear()
    await probe(watch, THRESHOLD)

    assert "probe.check" not in watch.process.calls


async def test_engine_without_an_address_misses(watch: Watch) -> None:
    """It runs where nobody reaches it: on another network, or on none."""
    engine_of(watch.world, GAME).address = None

    await probe(watch, THRESHOLD)

    assert watch.told == ["probe_failed"]
