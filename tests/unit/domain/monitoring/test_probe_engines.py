"""Probing: one event per failure and one per recovery, across restarts of the service."""

import pytest

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from tests.unit.domain.faults import unavailable
from tests.unit.domain.watch import Watch, engine_of
from tests.unit.domain.world import GAME, IMAGE, THRESHOLD, World

UNHEALTHY = "galaxy/game:3.0.0"


@pytest.fixture
async def watch() -> Watch:
    """Return the monitoring of a game."""
    world = World()
    await world.manager.start()
    return Watch(world)


def become_unhealthy(watch: Watch, game: str = GAME) -> None:
    """Make a running engine stop answering."""
    watch.world.image(UNHEALTHY, healthy_after=None)
    image = watch.world.docker.find_image(UNHEALTHY)
    assert image is not None
    engine_of(watch.world, game).image = image


def recover(watch: Watch, game: str = GAME) -> None:
    """Make the engine answer again."""
    image = watch.world.docker.find_image(IMAGE)
    assert image is not None
    engine_of(watch.world, game).image = image


async def probe(watch: Watch, times: int) -> list[str]:
    """Probe this many times; return what the cycles reported."""
    return [await watch.probe.run() for _ in range(times)]


async def test_healthy_engine_is_not_reported(watch: Watch) -> None:
    """An engine that answers causes no event."""
    assert await probe(watch, 5) == [""] * 5
    assert watch.reported == []


async def test_failure_is_reported_once_at_the_threshold(watch: Watch) -> None:
    """A failure is reported at the threshold and not again while it lasts."""
    become_unhealthy(watch)

    said = await probe(watch, 2 * THRESHOLD)

    assert [bool(each) for each in said] == [False, False, True, False, False, False]
    assert watch.reported == ["probe_failed"]


async def test_misses_must_come_in_a_row(watch: Watch) -> None:
    """An answer resets the count of misses."""
    for _ in range(5):
        become_unhealthy(watch)
        await probe(watch, THRESHOLD - 1)
        recover(watch)
        await probe(watch, 1)

    assert watch.reported == []


async def test_recovery_is_reported_once_with_the_number_of_misses(watch: Watch) -> None:
    """The first answer after a reported failure is a recovery."""
    become_unhealthy(watch)
    await probe(watch, 5)
    recover(watch)

    said = await probe(watch, 3)

    assert said == [f"{GAME} answers again after 5 misses", "", ""]
    assert watch.reported == ["probe_failed", "probe_recovered"]


async def test_restart_of_the_service_repeats_nothing(watch: Watch) -> None:
    """The baseline is durable, so a restart causes neither a second failure nor a recovery."""
    become_unhealthy(watch)
    await probe(watch, THRESHOLD)
    again = Watch(watch.world, watch.world.process())
    await probe(again, 2 * THRESHOLD)
    assert again.reported == ["probe_failed"]
    recover(again)
    await probe(again, 2)

    assert again.reported == ["probe_failed", "probe_recovered"]


async def test_restart_of_the_service_on_healthy_engines_reports_no_recovery(watch: Watch) -> None:
    """Only an engine that was reported as failing can recover."""
    become_unhealthy(watch)
    await probe(watch, THRESHOLD - 1)
    recover(watch)
    await probe(Watch(watch.world, watch.world.process()), 3)

    assert watch.reported == []


async def test_new_container_starts_with_a_clean_slate(watch: Watch) -> None:
    """A new container does not inherit the misses of the old one."""
    become_unhealthy(watch)
    await probe(watch, THRESHOLD)
    await watch.process.restart()
    await probe(watch, 2)

    assert watch.reported == ["probe_failed"]


async def test_result_for_a_replaced_container_comes_too_late(watch: Watch) -> None:
    """A probe that was in progress during a restart of the game reports nothing."""
    become_unhealthy(watch)
    await probe(watch, THRESHOLD - 1)
    other = watch.world.process()

    async def restart() -> None:
        await other.restart()

    watch.process.on("probe.check:done", restart)

    assert await probe(watch, 1) == [""]
    assert watch.reported == []


async def test_unreachable_docker_counts_no_miss(watch: Watch) -> None:
    """Engines that Docker could not list were not probed."""
    watch.process.on("host.list_containers", unavailable(), always=True)
    for _ in range(THRESHOLD):
        with pytest.raises(type(unavailable())):
            await watch.probe.run()

    assert watch.probe.misses == {}


async def unasked(watch: Watch, times: int) -> None:
    """Probe this many times while this process has no descriptors left."""
    address = engine_of(watch.world, GAME).address
    assert address
    watch.process.engine_probe.unaskable.add(address)
    for _ in range(times):
        with pytest.raises(ServiceUnavailable, match="1 engines could not be asked: too many open"):
            await watch.probe.run()
    watch.process.engine_probe.unaskable.remove(address)


async def test_trap_out_of_descriptors_is_not_a_miss(watch: Watch) -> None:
    """A lack of descriptors in this process says nothing about the engines."""
    await unasked(watch, 2 * THRESHOLD)

    assert watch.probe.misses == {}
    assert watch.reported == []


async def test_engine_that_could_not_be_asked_neither_missed_nor_answered(watch: Watch) -> None:
    """The count of misses continues from where it was."""
    become_unhealthy(watch)
    await probe(watch, THRESHOLD - 1)
    await unasked(watch, 1)
    assert watch.reported == []
    await probe(watch, 1)

    assert watch.reported == ["probe_failed"]


async def test_engine_that_could_not_be_asked_has_not_recovered(watch: Watch) -> None:
    """Only an answer ends a failure."""
    become_unhealthy(watch)
    await probe(watch, THRESHOLD)
    await unasked(watch, 2)

    assert watch.reported == ["probe_failed"]


async def test_engines_that_could_be_asked_are_still_reported(watch: Watch) -> None:
    """The error raised at the end names the events found until then."""
    other = GameId("g2")
    await watch.process.start(game=other)
    become_unhealthy(watch, other)
    await probe(watch, THRESHOLD - 1)
    address = engine_of(watch.world, GAME).address
    assert address
    watch.process.engine_probe.unaskable.add(address)

    with pytest.raises(ServiceUnavailable, match=r"1 engines could not .*g2 missed 3 probes"):
        await watch.probe.run()
    assert watch.reported == ["probe_failed"]


async def test_one_engine_never_stops_the_others(watch: Watch) -> None:
    """A row that cannot be written affects only its own game."""
    other = GameId("g2")
    await watch.process.start(game=other)
    become_unhealthy(watch)
    become_unhealthy(watch, other)
    await probe(watch, THRESHOLD - 1)
    watch.process.on("health.note", ServiceUnavailable())

    (said,) = await probe(watch, 1)

    assert said.count("missed 3 probes") == 1
    await probe(watch, 1)
    assert watch.reported == ["probe_failed", "probe_failed"]


async def test_stopped_game_is_not_probed(watch: Watch) -> None:
    """Only games recorded as running are probed."""
    await watch.process.stop()
    watch.process.calls.clear()
    await probe(watch, THRESHOLD)

    assert "probe.check" not in watch.process.calls


async def test_engine_without_an_address_misses(watch: Watch) -> None:
    """An engine that is not on our network cannot be reached."""
    engine_of(watch.world, GAME).address = None

    await probe(watch, THRESHOLD)

    assert watch.reported == ["probe_failed"]


async def test_answers_are_written_only_when_they_change(watch: Watch) -> None:
    """A healthy engine costs no write; a miss is seen at once, long before it is an event."""
    store = watch.world.store
    at_the_gate = store.engine_health[GAME]

    await probe(watch, 2)
    assert store.engine_health[GAME] is at_the_gate

    become_unhealthy(watch)
    watch.world.clock.advance(15)
    await probe(watch, 1)
    missed = store.engine_health[GAME]
    await probe(watch, 1)

    assert (missed.healthy, missed.error, missed.misses) == (False, "/healthz answered 503", 1)
    assert missed.since == missed.checked_at > at_the_gate.checked_at
    assert store.engine_health[GAME] is missed
    assert watch.reported == []


async def test_each_round_says_when_it_began(watch: Watch) -> None:
    """It confirms all answers that did not change, for whoever reads them in any replica."""
    watch.world.clock.advance(15)
    began = watch.world.clock.now()

    await probe(watch, 1)

    (health,) = await watch.world.process().cases.health.list()
    assert (health.state, health.checked_at) == ("healthy", began)


async def test_engine_that_could_not_be_asked_is_unknown(watch: Watch) -> None:
    """Local faults say nothing about it."""
    address = engine_of(watch.world, GAME).address
    assert address is not None
    watch.process.engine_probe.unaskable.add(address)

    with pytest.raises(ServiceUnavailable):
        await probe(watch, 1)

    seen = watch.world.store.engine_health[GAME]
    assert (seen.healthy, seen.error) == (None, "too many open files")
