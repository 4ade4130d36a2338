"""Events only trigger an observation, which decides."""

import asyncio

import pytest

from rtmanager.domain.concurrency import InFlight
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_events import ContainerEvent
from rtmanager.domain.reconciliation.drift import Drift
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.watch import Watch, stray
from tests.unit.domain.world import GAME, Hang, World


@pytest.fixture
async def watch() -> Watch:
    """Return the reconciler of a game that runs."""
    world = World()
    await world.manager.start()
    return Watch(world)


def event(action: str, game: str = GAME) -> ContainerEvent:
    """Return an event."""
    return ContainerEvent(game, ContainerId("c" * 64), action, 0.0)


@pytest.mark.parametrize("action", ["die", "oom", "destroy", "start"])
def test_actions_that_can_change_a_game_are_observed(watch: Watch, action: str) -> None:
    """These actions can make a record wrong."""
    assert watch.record_event.game_of(event(action)) == GAME


@pytest.mark.parametrize("action", ["create", "kill", "exec_die", "health_status: healthy", ""])
def test_other_actions_are_ignored(watch: Watch, action: str) -> None:
    """Other actions are frequent and change no record."""
    assert watch.record_event.game_of(event(action)) is None


@pytest.mark.parametrize("game", ["", "../x", "a b", "x" * 100])
def test_label_that_is_no_game_is_ignored(watch: Watch, game: str) -> None:
    """A stranger's container may have any label."""
    assert watch.record_event.game_of(event("die", game)) is None


async def test_exit_is_recorded_and_reported(watch: Watch) -> None:
    """The message names the game and its drift."""
    engine = watch.world.engine
    watch.world.docker.crash(engine.id)

    said = await watch.event("die", engine.id)

    assert said == f"{GAME}: the record is running but its container is exited"
    assert watch.world.last.request.origin.source_ref == f"docker die {engine.id[:12]}"


async def test_trap_late_event_ignored(watch: Watch) -> None:
    """The death of an old container says nothing about the one that runs now."""
    old = watch.world.engine.id
    await watch.process.restart()

    for action in ("die", "oom", "destroy"):
        assert await watch.event(action, old) == ""
    assert watch.world.record is not None
    assert watch.world.record.status is RuntimeStatus.RUNNING
    assert watch.reported == []


async def test_death_of_a_stranger_in_the_game_s_name_changes_nothing(watch: Watch) -> None:
    """The death of another container with the game's label changes nothing."""
    other = stray(watch.world, "other")

    assert await watch.event("die", other.id) == ""
    assert watch.reported == []


async def test_event_of_a_running_operation_takes_no_lease(watch: Watch) -> None:
    """The operation has observed what it shows by the time that it ends."""
    hang = Hang()
    watch.process.on("host.stop:done", hang)
    stopping = asyncio.create_task(watch.process.stop())
    await hang.reached.wait()
    handling = asyncio.create_task(watch.event("die", watch.world.engine.id))
    await asyncio.sleep(0)
    before = len(watch.process.calls)
    hang.release()
    await stopping

    assert await handling == ""
    assert "lease.acquire" not in watch.process.calls[before:]


async def test_both_waits_of_an_event_have_one_limit(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few busy games must not keep events of the others waiting for twice as long."""
    waits: list[float] = []

    async def end(_: InFlight, _about: str, *, limit: float) -> None:
        watch.world.clock.advance(limit - 1)

    async def reconcile(*_: object, wait: float, **_others: object) -> list[Drift]:
        waits.append(wait)
        return []

    monkeypatch.setattr(InFlight, "ended", end)
    monkeypatch.setattr(ReconcileGame, "run", reconcile)
    await watch.event("die", watch.world.engine.id)

    assert waits == [1.0]


async def test_event_of_our_own_doing_waits_and_finds_nothing(watch: Watch) -> None:
    """An event of our own stop waits for its end and finds no drift."""
    hang = Hang()
    watch.process.on("host.stop:done", hang)
    stopping = asyncio.create_task(watch.process.stop())
    await hang.reached.wait()
    handling = asyncio.create_task(watch.event("die", watch.world.engine.id))
    await asyncio.sleep(0)
    hang.release()
    await stopping

    assert await handling == ""
    assert watch.reported == []
    assert watch.kinds == ["start", "stop"]
