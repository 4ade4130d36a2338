"""All games at once: one list, each game reconciled on its own, none held up by another."""

import asyncio
from dataclasses import replace

import pytest

from rtmanager.domain.container import container_name
from rtmanager.domain.errors import DockerUnavailable, ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.watch import GRACE, Watch, engine_of, labels_of, stray
from tests.unit.domain.world import IMAGE, Hang, World

GAMES = [GameId(f"g{number}") for number in range(1, 6)]


@pytest.fixture
async def watch() -> Watch:
    """Return the reconciler of five games that run."""
    world = World()
    for game in GAMES:
        await world.manager.start(IMAGE, game)
    world.manager.calls.clear()
    return Watch(world)


def statuses(watch: Watch) -> list[RuntimeStatus]:
    """Return the status of every game, in order."""
    return [watch.world.store.runtime_records[game].status for game in GAMES]


async def test_agreement_costs_one_list_and_says_nothing(watch: Watch) -> None:
    """Without drift there is one list and no inspection, operation or message."""
    found = await watch.reconcile.run()
    host_calls = [call for call in watch.process.calls if call.startswith("host.")]

    assert (found.games, found.sentence) == (5, "")
    assert host_calls == ["host.list_containers", "host.list_containers:done"]
    assert watch.kinds == ["start"] * 5


async def test_every_drifted_game_is_reconciled_and_named(watch: Watch) -> None:
    """The message says how many games drifted and how."""
    watch.world.docker.crash(engine_of(watch.world, "g1").id)
    watch.world.docker.vanish(engine_of(watch.world, "g2").id)

    found = await watch.reconcile.run()

    assert statuses(watch)[:3] == ["stopped", "removed", "running"]
    assert found.sentence.startswith("2 of 2 drifts reconciled, of 5 games; g1: ")


async def test_survey_changes_nothing(watch: Watch) -> None:
    """A dry run finds the same drift and changes nothing."""
    watch.world.docker.crash(engine_of(watch.world, "g1").id)
    stray(watch.world, "left-over")
    watch.world.clock.advance(GRACE)
    before = dict(watch.world.store.runtime_records), list(watch.kinds)

    games, drifts = await watch.reconcile.survey()

    assert (games, [each.kind.value for each in drifts]) == (
        5,
        ["observed_exit", "stale_container"],
    )
    assert (dict(watch.world.store.runtime_records), list(watch.kinds)) == before
    assert len(watch.world.docker.containers) == 6


@pytest.mark.parametrize("call", ["host.list_containers", "records.list"])
async def test_half_an_answer_changes_nothing(watch: Watch, call: str) -> None:
    """Without either the list or the records nothing is compared."""
    before = statuses(watch)
    fault = unavailable() if call.startswith("host") else ServiceUnavailable()
    watch.process.on(call, fault, always=True)

    with pytest.raises(type(fault)):
        await watch.reconcile.run()
    assert statuses(watch) == before
    assert watch.reported == []


async def test_unreachable_docker_changes_nothing(watch: Watch) -> None:
    """Engines that cannot be observed do not count as stopped."""
    before = statuses(watch)
    watch.world.docker.reachable = False

    with pytest.raises(DockerUnavailable):
        await watch.reconcile.run()
    assert statuses(watch) == before


async def test_one_wedged_game_never_stops_the_others(watch: Watch) -> None:
    """A container that Docker refuses to show affects only its own game."""
    for game in GAMES:
        watch.world.docker.crash(engine_of(watch.world, game).id)
    watch.process.on("host.inspect", refusal())

    found = await watch.reconcile.run()

    assert len(found.failed) == 1
    assert sorted(statuses(watch)) == ["running", *["stopped"] * 4]
    assert ", 1 failed, of 5 games" in found.sentence


async def test_drift_that_is_gone_under_the_lease_is_ignored(watch: Watch) -> None:
    """The list's drift is observed again under the lease, as the engine may run by then."""
    engine = engine_of(watch.world, "g1")
    watch.world.docker.crash(engine.id)

    async def start_again() -> None:
        watch.world.docker.run(engine)

    watch.process.on("host.list_containers:done", start_again)

    found = await watch.reconcile.run()

    assert (len(found.found), found.reconciled) == (1, [])
    assert statuses(watch) == ["running"] * 5
    assert watch.reported == []


async def test_operation_in_progress_is_not_reported(watch: Watch) -> None:
    """The open operation of a living process is left alone and not reported."""
    hang = Hang()
    watch.process.on("host.stop", hang)
    stopping = asyncio.create_task(watch.process.stop(GAMES[0]))
    await hang.reached.wait()

    found = await Watch(watch.world, watch.world.process()).reconcile.run()
    hang.release()
    await stopping

    assert [each.kind.value for each in found.found] == ["open_operation"]
    assert (found.reconciled, found.sentence) == ([], "")


async def test_labels_that_are_no_game_are_ignored(watch: Watch) -> None:
    """Containers whose game label is no valid id are ignored."""
    stray(watch.world, "odd", game="../../etc/passwd\n")
    watch.world.clock.advance(GRACE)

    assert (await watch.reconcile.run()).found == []
    assert "odd" in watch.world.containers


async def test_games_of_another_installation_are_not_counted(watch: Watch) -> None:
    """Containers of another installation on the same host are ignored."""
    labels = labels_of("theirs", installation="there")
    watch.world.docker.add_foreign("galaxy-game-theirs", labels=labels)

    assert (await watch.reconcile.run()).games == len(GAMES)


async def test_reconciling_twice_finds_nothing_the_second_time(watch: Watch) -> None:
    """Reconciliation reaches a fixed point."""
    watch.world.docker.crash(engine_of(watch.world, "g1").id)
    watch.world.docker.vanish(engine_of(watch.world, "g2").id)
    stray(watch.world, "left-over", game="g3")
    watch.world.clock.advance(GRACE)
    await watch.reconcile.run()

    assert (await watch.reconcile.run()).sentence == ""


async def test_trap_boot_with_1000() -> None:
    """A thousand games cost one list; only drifted games are inspected."""
    world = World()
    await world.manager.start()
    await world.manager.stop()
    record = world.record
    assert record is not None
    _multiply(world, record, 1000)
    world.docker.vanish(world.engine.id)
    world.manager.calls.clear()

    found = await Watch(world).reconcile.run()
    calls = [call for call in world.manager.calls if call.startswith("host.")]

    assert (found.games, len(found.reconciled)) == (1000, 1)
    assert calls.count("host.list_containers") == 1
    assert calls.count("host.inspect") <= 3


def _multiply(world: World, record: RuntimeRecord, games: int) -> None:
    for number in range(1, games):
        game = GameId(f"many-{number}")
        container = stray(world, container_name(game), game=game)
        world.store.runtime_records[game] = replace(
            record, game_id=game, current_container_id=container.id
        )
