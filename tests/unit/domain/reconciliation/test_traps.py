"""Defects once found in reconciliation, each as a test on the doubles."""

from dataclasses import replace

import pytest

from rtmanager.adapters.in_memory.docker_effects import NORMAL, REFUSE_BEFORE, Fate
from rtmanager.domain.container import aside_name, container_name, parked_name
from rtmanager.domain.operation import Fence, OperationKind, Outcome
from rtmanager.domain.reconciliation.drift import DriftKind
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.watch import GRACE, Watch, labels_of, stray
from tests.unit.domain.world import GAME, Killed, World


@pytest.fixture
async def watch() -> Watch:
    """Return the reconciler of a game that runs."""
    world = World()
    await world.manager.start()
    return Watch(world)


@pytest.mark.parametrize("call", ["store.begin:done", "host.named", "store.finish"])
async def test_trap_adoption_interrupted(watch: Watch, call: str) -> None:
    """An adoption that a dead process left open is finished by the next process."""
    world = watch.world
    await watch.process.stop()
    engine, starts = world.engine, len(world.docker.starts)
    world.docker.run(engine)
    watch.process.on(call, watch.process.die)
    with pytest.raises(Killed):
        await watch.reconciled()
    watch.process.lease_connection.abandon()
    world.after_the_lease()

    await world.process().resume()

    assert world.last.kind is OperationKind.RECONCILE_ADOPT
    assert world.last.outcome is Outcome.SUCCESS
    assert (world.engine, len(world.docker.starts)) == (engine, starts + 1)
    assert engine.is_running
    assert world.faults() == []


async def test_trap_adoption_interrupted_at_its_renaming(watch: Watch) -> None:
    """A running engine that lost its name gets it back and keeps running."""
    world = watch.world
    engine = world.engine
    world.docker.rename(engine.id, parked_name(GAME, Fence(1)))
    watch.process.on("host.rename:done", watch.process.die)
    with pytest.raises(Killed):
        await watch.reconciled()
    watch.process.lease_connection.abandon()
    world.after_the_lease()

    await world.process().resume()

    assert engine.is_running
    assert world.faults() == []


async def test_adoption_reports_that_the_engine_started(watch: Watch) -> None:
    """An adoption is reported as a start, at the container's own start time."""
    await watch.process.stop()
    watch.world.docker.run(watch.world.engine)
    started = watch.world.clock.now()
    watch.world.clock.advance(30)

    await watch.reconciled()

    *_, event = watch.world.store.outbox
    assert event.fields["event_type"] == "container_started"
    assert event.fields["occurred_at_ms"] == str(int(started.timestamp() * 1000))
    assert watch.world.record is not None
    assert watch.world.record.started_at == started


async def test_adoption_of_the_engine_beside_a_lost_one_reports_both(watch: Watch) -> None:
    """Adopting a replacement reports the loss first and then the start."""
    world = watch.world
    world.docker.crash(world.engine.id, exit_code=9)
    world.docker.rename(world.engine.id, "renamed-by-hand")
    world.docker.run(stray(world, container_name(GAME)))

    await watch.reconciled()

    assert world.events == ["container_started", "container_exited", "container_started"]


async def test_observed_exit_has_the_time_of_the_exit(watch: Watch) -> None:
    """The event has the time of the exit, not of its observation."""
    watch.world.docker.crash(watch.world.engine.id)
    exited = watch.world.clock.now()
    watch.world.clock.advance(45)

    await watch.reconciled()

    assert watch.world.record is not None
    assert watch.world.record.stopped_at == exited
    assert watch.world.record.last_op_at == watch.world.clock.now()


async def test_trap_drift_that_does_not_yield(watch: Watch) -> None:
    """A change of the network setting does not make the record's container a stranger's."""
    watch.world.installation.network = "another-net"
    rows = len(watch.world.operations)
    for _ in range(60):
        watch.world.clock.advance(60)
        assert (await watch.reconcile.run()).sentence == ""

    assert len(watch.world.operations) == rows
    assert watch.world.faults() == []


async def test_trap_drift_that_does_not_yield_is_retried_less_and_less_often(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    """A removal that Docker always refuses is reported once and retried at growing intervals."""
    world = watch.world
    stray(world, "left-over")
    world.clock.advance(GRACE)
    world.docker.fate_of = _refuse_removals
    tried = []
    for minute in range(120):
        before = len(world.operations)
        await watch.reconcile.run()
        if len(world.operations) > before:
            tried.append(minute)
        world.clock.advance(60)

    assert tried == [0, 1, 3, 7, 15, 31, 63]
    assert caplog.messages.count("drift_persists") == 1
    world.docker.fate_of = None
    world.clock.advance(3600)
    await watch.reconcile.run()
    assert world.faults() == []


def _refuse_removals(call: str, _container: str) -> Fate:
    return REFUSE_BEFORE if call == "remove" else NORMAL


async def test_trap_drift_that_does_not_yield_does_not_hold_others_up(watch: Watch) -> None:
    """A stale container that stays does not delay the observation of an exit."""
    world = watch.world
    stray(world, "left-over")
    world.clock.advance(GRACE)
    world.docker.fate_of = _refuse_removals
    await watch.reconcile.run()
    world.docker.crash(world.engine.id)

    assert await watch.reconciled() == [DriftKind.OBSERVED_EXIT]


async def test_drift_that_keeps_coming_back_is_not_called_reconciled(watch: Watch) -> None:
    """Drift that is back at once does not count as reconciled."""
    world = watch.world
    name = "renamed-by-hand"
    world.docker.rename(world.engine.id, name)

    async def rename_again() -> None:
        world.docker.rename(world.engine.id, name)

    watch.process.on("host.rename:done", rename_again, always=True)

    assert await watch.reconciled() == []
    rows = len(world.operations)
    assert await watch.reconciled() == []
    assert len(world.operations) == rows


async def test_trap_two_installations_one_host(watch: Watch) -> None:
    """Another installation's containers are neither adopted nor removed, whatever their game."""
    docker = watch.world.docker
    theirs = [
        docker.add_foreign(f"theirs-{game}", labels=labels_of(game, installation="there"))
        for game in (GAME, "theirs")
    ]
    docker.run(theirs[1])
    watch.world.clock.advance(100 * GRACE)

    assert (await watch.reconcile.run()).found == []
    assert {each.id for each in theirs} < set(docker.containers)


async def test_container_of_the_release_before_is_ours_when_it_is_named(watch: Watch) -> None:
    """An unlabelled container is ours only if the record names it."""
    docker, engine = watch.world.docker, watch.world.engine
    docker.drop_labels(engine.id, "com.galaxy.installation")
    other = docker.add_foreign("unstamped", labels=labels_of(GAME, installation=None))
    watch.world.clock.advance(100 * GRACE)
    docker.crash(engine.id)

    assert await watch.reconciled() == [DriftKind.OBSERVED_EXIT]
    assert other.id in docker.containers


async def test_trap_database_restored_from_backup(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    """No fence on a container is issued again, and the older record is corrected by Docker."""
    world = watch.world
    backup = dict(world.store.runtime_records), dict(world.store.operations)
    await world.manager.restart()
    world.store.runtime_records, world.store.operations = backup
    newer = world.engine
    process = world.process()
    restored = Watch(world, process)

    await process.cycles.check_host.run()
    assert "database_older_than_containers" in caplog.messages
    world.clock.advance(GRACE)
    await restored.reconcile.run()

    assert world.record is not None
    assert world.record.current_container_id == newer.id
    assert world.record.status is RuntimeStatus.RUNNING
    assert world.last.id > (newer.listed().fence or 0)
    assert world.faults() == []


async def test_aside_container_is_removed_after_its_grace(watch: Watch) -> None:
    """A container set aside because it could not be removed is stale and removed later."""
    stray(watch.world, aside_name(GAME, Fence(1)))
    assert await watch.reconciled() == []
    watch.world.clock.advance(GRACE)

    assert await watch.reconciled() == [DriftKind.STALE_CONTAINER]
    assert watch.world.faults() == []


async def test_stale_engine_that_runs_is_stopped_and_removed(watch: Watch) -> None:
    """A second running engine of the game is stale."""
    world = watch.world
    record, second = world.record, stray(world, "second")
    world.clock.advance(GRACE)
    world.docker.run(second)
    world.doubled.clear()

    assert await watch.reconciled() == [DriftKind.STALE_CONTAINER]
    world.doubled.clear()
    assert world.record == record
    assert world.faults() == []


async def test_lagging_list_changes_no_record(watch: Watch) -> None:
    """Drift in an outdated list is observed again under the lease."""
    watch.world.docker.lag = 30.0
    await watch.process.restart()
    before = watch.world.record

    await watch.reconcile.run()

    assert watch.world.record == before
    assert watch.reported == []


async def test_record_is_replaced_by_what_the_adopted_container_shows(watch: Watch) -> None:
    """State path and network come from the container, not from the settings."""
    world = watch.world
    await watch.process.stop()
    await watch.process.cleanup()
    engine = stray(world, container_name(GAME))
    engine.spec = replace(engine.spec, state_path="/mnt/elsewhere/g1")
    world.docker.run(engine)

    await watch.reconciled()

    assert world.record is not None
    assert (world.record.state_path, world.record.docker_network) == (
        "/mnt/elsewhere/g1",
        "galaxy-net",
    )
