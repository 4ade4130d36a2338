"""What happens to each kind of drift, always under the lease and after a new observation."""

import pytest

from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import EngineContainer, container_name, parked_name
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.operation import Fence, Outcome
from rtmanager.domain.reconciliation.drift import DriftKind
from rtmanager.domain.reconciliation.reconcile_game import MAX_ROUNDS
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.faults import unavailable
from tests.unit.domain.watch import GRACE, Watch, engine_of, stray
from tests.unit.domain.world import GAME, Killed, World


@pytest.fixture
async def watch() -> Watch:
    """Return the reconciler of a game that runs."""
    world = World()
    await world.manager.start()
    return Watch(world)


async def test_agreement_writes_nothing(watch: Watch) -> None:
    """A game without drift gets no operation."""
    assert await watch.reconciled() == []
    assert watch.kinds == ["start"]


async def test_exit_is_observed_and_reported(watch: Watch) -> None:
    """The record becomes stopped, with the exit code in event and operation."""
    watch.world.docker.crash(watch.world.engine.id, exit_code=7)

    assert await watch.reconciled() == [DriftKind.OBSERVED_EXIT]
    assert watch.kinds == ["start", "reconcile_observed_exit"]
    assert watch.reported == ["container_exited"]
    assert watch.world.last.details["exit_code"] == 7
    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.STOPPED
    assert watch.world.faults() == []


async def test_lack_of_memory_is_reported_as_such(watch: Watch) -> None:
    """A kill for lack of memory is distinguished from an exit."""
    watch.world.docker.oom(watch.world.engine.id)

    assert await watch.reconciled() == [DriftKind.OBSERVED_EXIT]
    assert watch.reported == ["container_oom"]


async def test_vanished_container_is_disposed_of(watch: Watch) -> None:
    """The record becomes removed, and the disappearance is reported."""
    watch.world.docker.vanish(watch.world.engine.id)

    assert await watch.reconciled() == [DriftKind.DISPOSE]
    assert watch.reported == ["container_disappeared"]
    assert watch.world.faults() == []


async def test_vanished_container_of_a_stopped_game_is_no_event(watch: Watch) -> None:
    """Only the record is corrected, because no engine ran."""
    await watch.process.stop()
    watch.world.docker.vanish(watch.world.engine.id)

    assert await watch.reconciled() == [DriftKind.DISPOSE]
    assert watch.reported == []
    assert watch.world.faults() == []


async def test_reconciling_twice_reports_once(watch: Watch) -> None:
    """Drift that was recorded is no longer drift."""
    watch.world.docker.crash(watch.world.engine.id)
    await watch.reconciled()

    assert await watch.reconciled() == []
    assert watch.reported == ["container_exited"]


async def test_engine_that_someone_started_is_adopted(watch: Watch) -> None:
    """A stopped game whose engine runs becomes running, with the same container."""
    await watch.process.stop()
    watch.world.docker.run(watch.world.engine)

    assert await watch.reconciled() == [DriftKind.ADOPT]
    assert watch.world.faults() == []


async def test_adoption_that_comes_too_late_changes_nothing(watch: Watch) -> None:
    """The engine is observed again after the intent, when the record was already right."""
    await watch.process.stop()
    before, engine = watch.world.record, watch.world.engine
    watch.world.docker.run(engine)
    watch.process.on("store.begin:done", lambda: _crash(watch, engine))

    await watch.reconciled()

    assert watch.world.record == before
    assert watch.world.events == ["container_started"]
    assert watch.world.faults() == []


async def test_engine_that_exits_before_its_adoption_is_not_adopted(watch: Watch) -> None:
    """The adoption ends as a conflict, and the next cycle decides again."""
    await watch.process.stop()
    await watch.process.cleanup()
    engine = stray(watch.world, container_name(GAME))
    watch.world.docker.run(engine)
    watch.process.on("store.begin:done", lambda: _crash(watch, engine))

    met = await watch.reconciled()

    assert met == [DriftKind.ADOPT]  # it is no longer drift, so nothing is backed off
    assert watch.world.last.outcome is Outcome.FAILURE
    assert "stopped running before it could be adopted" in (watch.world.last.error_message or "")
    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.REMOVED


async def test_misnamed_container_gets_its_name_back(watch: Watch) -> None:
    """The engine gets its name back, because others reach it only by that name."""
    watch.world.engine.name = parked_name(GAME, Fence(1))

    assert await watch.reconciled() == [DriftKind.MISNAMED]
    assert container_name(GAME) in watch.world.containers
    assert watch.world.faults() == []


async def test_stale_container_is_removed_after_its_grace(watch: Watch) -> None:
    """A stale container is removed only after its grace period, and the record is unchanged."""
    before = watch.world.record
    stray(watch.world, "left-over")
    assert await watch.reconciled() == []
    watch.world.clock.advance(GRACE)

    assert await watch.reconciled() == [DriftKind.STALE_CONTAINER]
    assert watch.world.record == before
    assert watch.world.faults() == []


async def test_trap_reaper_spares_fresh_and_foreign(watch: Watch) -> None:
    """A container without our labels is never touched, whatever its age and name."""
    foreign = watch.world.docker.add_foreign(parked_name(GAME, Fence(1)))
    watch.world.clock.advance(100 * GRACE)

    assert await watch.reconciled() == []
    assert foreign.id in watch.world.docker.containers


async def test_leased_game_is_left_alone(watch: Watch) -> None:
    """A game under a lease is not even observed."""
    watch.world.docker.crash(watch.world.engine.id)
    async with watch.world.process().leases.hold(GAME, wait=0):
        assert await watch.reconciled() == []

    assert watch.kinds == ["start"]
    assert watch.reported == []


async def test_open_intent_of_a_dead_process_is_resumed_in_the_background(watch: Watch) -> None:
    """Once the lease has expired the operation is resumed, without waiting for its end."""
    await _die_in_a_stop(watch)

    assert await watch.reconciled() == []
    assert [each.outcome for each in watch.world.operations] == [Outcome.SUCCESS, None]
    await watch.process.resume()
    assert watch.world.last.outcome is Outcome.SUCCESS
    assert watch.world.faults() == []


async def test_open_intent_is_resumed_by_the_reconciler_alone(watch: Watch) -> None:
    """The resumed operation ends although no caller asks for it again."""
    await _die_in_a_stop(watch)

    await watch.reconciled()

    assert await watch.process.shut_down(limit=10) == 0
    assert watch.world.last.outcome is Outcome.SUCCESS
    assert watch.world.faults() == []


async def test_open_intent_under_its_lease_is_left_open(watch: Watch) -> None:
    """A lease that has not expired may belong to a living process."""
    with pytest.raises(Killed):
        await _killed_stop(watch)

    assert await Watch(watch.world, watch.world.process()).reconciled() == []
    assert watch.world.last.outcome is None


async def test_container_that_the_list_does_not_show_yet_is_inspected(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record's container is inspected by its id, because Docker's list may lag."""

    async def nothing_yet(*_: object) -> list[EngineContainer]:
        return []

    monkeypatch.setattr(InMemoryContainerHost, "containers_of", nothing_yet)

    assert await watch.reconciled() == []
    assert watch.kinds == ["start"]


async def test_game_that_keeps_drifting_is_left_to_the_next_cycle(watch: Watch) -> None:
    """A game whose drift keeps coming back is given up after a few rounds."""
    made = 0

    async def make_another() -> None:
        nonlocal made
        made += 1
        if made <= 2 * MAX_ROUNDS:
            stray(watch.world, f"left-over {made}")
            watch.world.clock.advance(GRACE)

    await make_another()
    watch.process.on("host.remove:done", make_another, always=True)

    assert await watch.reconciled() == [DriftKind.STALE_CONTAINER] * MAX_ROUNDS


@pytest.mark.parametrize("call", ["host.containers_of", "host.inspect"])
async def test_trap_inspect_error_is_not_stopped(watch: Watch, call: str) -> None:
    """A failed observation changes no record and reports nothing."""
    before = watch.world.record
    watch.process.on(call, unavailable(), always=True)

    with pytest.raises(DockerUnavailable):
        await watch.reconciled()
    assert watch.world.record == before
    assert watch.reported == []


async def test_observation_that_fails_after_the_intent_leaves_it_open(watch: Watch) -> None:
    """An operation that loses Docker has no outcome until it is resumed."""
    watch.world.docker.crash(watch.world.engine.id)
    watch.process.on("store.begin:done", watch.world.docker_leaves)
    with pytest.raises(DockerUnavailable):
        await watch.reconciled()
    assert watch.reported == []
    watch.world.docker.reachable = True

    await watch.reconciled()
    await watch.process.resume()

    assert watch.reported == ["container_exited"]
    assert watch.world.faults() == []


async def test_trap_crash_storm_bounded() -> None:
    """An engine that keeps dying is never restarted; each exit is only reported."""
    world = World()
    world.image("galaxy/game:2.0.0", exits_after=1.0, exit_code=1)
    await world.manager.start("galaxy/game:2.0.0")
    watch = Watch(world)
    for _ in range(50):
        world.clock.advance(2.0)
        await watch.reconciled()

    assert len(world.docker.starts) == 1
    assert watch.reported == ["container_exited"]


async def test_several_drifts_are_reconciled_in_one_go(watch: Watch) -> None:
    """An exit and a leftover are reconciled under one lease."""
    stray(watch.world, "left-over")
    watch.world.clock.advance(GRACE)
    watch.world.docker.crash(engine_of(watch.world, GAME).id)

    assert await watch.reconciled() == [DriftKind.OBSERVED_EXIT, DriftKind.STALE_CONTAINER]
    assert watch.world.faults() == []


async def _crash(watch: Watch, engine: MemoryContainer) -> None:
    watch.world.docker.crash(engine.id)


async def _killed_stop(watch: Watch) -> None:
    dying = watch.world.process()
    dying.on("host.stop:done", dying.die)
    try:
        await dying.stop()
    finally:
        dying.lease_connection.abandon()


async def _die_in_a_stop(watch: Watch) -> None:
    with pytest.raises(Killed):
        await _killed_stop(watch)
    watch.world.after_the_lease()
