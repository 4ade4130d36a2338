"""Defects once found when others change a game under an open operation."""

import asyncio
import copy
from dataclasses import replace
from typing import Any

import pytest

from rtmanager.adapters.docker.start_queue import StartQueue
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import INSTALLATION_LABEL, container_name, parked_name_of_0_1
from rtmanager.domain.errors import (
    ContainerStartFailed,
    DockerUnavailable,
    ErrorCode,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEventType
from rtmanager.domain.installation import Installation
from rtmanager.domain.messaging.handle_job import JobUnfinished
from rtmanager.domain.operation import ActionName, OperationKind, Outcome, StepResult, StopReason
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, StopJob
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.operations.scenarios import Request, attempt, killed_at
from tests.unit.domain.watch import GRACE, Watch, labels_of, stray
from tests.unit.domain.world import GAME, INSTALLATION, Hang, Process, World
from tests.unit.workers.turns import turns

NEWER = "galaxy/game:1.4.12"
SLOW = "galaxy/game:1.4.8"
NEVER_HEALTHY = "galaxy/game:1.4.10"
ANOTHER_NETWORK = "another-net"


def _move(world: World) -> Process:
    """Return a process with another network setting."""
    world.docker.networks.add(ANOTHER_NETWORK)
    world.installation = Installation(ANOTHER_NETWORK, INSTALLATION)
    world.policy = replace(world.policy, docker_network=ANOTHER_NETWORK)
    return world.process()


def _running(world: World) -> list[MemoryContainer]:
    world.docker.catch_up()
    return [each for each in world.docker.containers.values() if each.is_running]


async def test_trap_network_changed_over_an_open_patch(running: World) -> None:
    """An operation recognises its own container on any network, so one engine runs in the end."""
    await killed_at(running, "host.start:done", Process.patch)
    mover = _move(running)

    await mover.resume()

    (engine,) = _running(running)
    assert running.record is not None
    assert running.record.current_container_id == engine.id
    assert running.faults() == []


async def test_trap_network_changed_over_an_open_first_start(world: World) -> None:
    """The first start continues with its container on the network where it was created."""
    await killed_at(world, "host.start:done", Process.start)
    mover = _move(world)

    await mover.resume()

    assert world.last.outcome is Outcome.SUCCESS
    assert world.faults() == []


@pytest.mark.parametrize("asked", [Process.patch, Process.stop])
async def test_trap_intent_in_a_backup_meets_a_later_engine(running: World, asked: Request) -> None:
    """An operation restored as open rolls back and leaves later operations' work untouched."""
    second = await killed_at(running, "host.stop", asked)
    backup = copy.deepcopy(_tables(running))
    await second.resume()
    running.docker.add_image(NEWER)
    if asked is Process.stop:
        await second.start(NEWER)
    else:
        await second.patch(NEWER)
    later = running.engine.id
    _restore(running, backup)
    restored = Watch(running, running.process())
    await restored.process.cycles.check_host.run()

    await restored.process.resume()
    await restored.reconcile.run()

    assert running.last.outcome is Outcome.SUCCESS
    assert [each.error_code for each in running.operations][-2] is ErrorCode.CONFLICT
    assert [each.id for each in _running(running)] == [later]
    assert running.record is not None
    assert running.record.current_image_ref == NEWER
    assert running.doubled == []


async def test_trap_adopted_engine_of_a_later_operation_is_out_of_reach(running: World) -> None:
    """An engine that was recreated with a later fence is ours and can be operated."""
    labels = labels_of(fence=999)
    running.docker.vanish(running.engine.id)
    running.docker.run(running.docker.add_foreign(container_name(GAME), labels=labels))
    await Watch(running).reconcile.run()
    assert running.record is not None
    assert running.record.current_container_id == running.engine.id

    await running.manager.patch()
    await running.manager.stop()

    assert running.record.status is RuntimeStatus.STOPPED
    assert running.faults() == []


async def test_trap_stopped_container_of_a_later_operation_blocks_the_game(running: World) -> None:
    """Only a running container of a later operation makes an operation roll back."""
    stray(running, "stray", fence=999)

    await running.manager.restart()

    assert running.last.outcome is Outcome.SUCCESS


def _restore(world: World, backup: tuple[dict[Any, Any], dict[Any, Any]]) -> None:
    """Restore the database to this backup."""
    for table, kept in zip(_tables(world), backup, strict=True):
        table.clear()
        table.update(kept)


def _tables(world: World) -> tuple[dict[Any, Any], dict[Any, Any]]:
    return world.store.operations, world.store.runtime_records


async def test_trap_stop_leaves_an_equal_engine_running(running: World) -> None:
    """A stop stops the game even if its container was replaced by an equal one."""
    running.docker.run(running.docker.recreate(running.engine.id))

    await running.manager.stop()

    assert _running(running) == []
    assert running.record is not None
    assert running.record.status is not RuntimeStatus.RUNNING


async def test_trap_disposal_removes_an_engine_that_was_started(world: World) -> None:
    """An interrupted disposal that finds its container running adopts it."""
    world.clock.advance(1)
    stale = stray(world, f"galaxy-game-{GAME}")
    world.clock.advance(GRACE)
    second = await killed_at(world, "host.remove", _reconcile)
    world.docker.run(stale)

    await second.resume()
    await _reconcile(second)

    assert world.record is not None
    assert world.record.current_container_id == stale.id
    assert world.faults() == []


async def _reconcile(process: Process) -> None:
    await Watch(process.world, process).reconciled()


async def test_trap_patch_without_a_gate_when_the_engine_could_not_be_asked(running: World) -> None:
    """An old engine that could not be probed does not count as unhealthy."""
    running.image(NEVER_HEALTHY, healthy_after=None)
    address = running.engine.address
    assert address is not None
    running.manager.engine_probe.unaskable.add(address)
    before = running.record

    with pytest.raises(
        ServiceUnavailable, match="the health of the engine is unknown: too many open"
    ):
        await running.manager.patch(NEVER_HEALTHY)

    assert running.last.error_code is ErrorCode.SERVICE_UNAVAILABLE
    assert running.record == before
    assert running.faults() == []


async def test_trap_patch_without_a_gate_on_another_network(running: World) -> None:
    """An old engine without an address on our network does not waive the gate."""
    running.image(NEVER_HEALTHY, healthy_after=None)
    before = running.engine.id

    with pytest.raises(ContainerStartFailed, match="did not become healthy"):
        await _move(running).patch(NEVER_HEALTHY)

    assert [each.id for each in _running(running)] == [before]


async def test_trap_job_fails_for_the_trouble_of_an_earlier_operation(running: World) -> None:
    """A job whose predecessor cannot be finished yet is redelivered instead of failed."""
    first, second = running.process(), running.process()
    for process in (first, second):
        process.on("host.stop", DockerUnavailable("no reply"))
    assert isinstance(await attempt(Process.restart, first), DockerUnavailable)

    job = JobEntry(JobKind.STOP, "1-0", StopJob(GAME, StopReason.FINISHED))
    with pytest.raises(JobUnfinished, match="no reply"):
        await second.cycles.handle_job.run([job])
    assert len(running.operations) == 2
    await second.cycles.handle_job.run([job])

    outcomes = [(each.kind, each.outcome) for each in running.operations[-2:]]
    assert outcomes == [
        (OperationKind.RESTART, Outcome.SUCCESS),
        (OperationKind.STOP, Outcome.SUCCESS),
    ]
    assert running.record is not None
    assert running.record.status is RuntimeStatus.STOPPED


async def test_trap_lost_lease_counted_as_a_dead_process(running: World) -> None:
    """A process that loses its lease is not dead, however often that happens."""
    calls: list[tuple[Request, str]] = [(Process.patch, "host.start:done")]
    calls += [(Process.resume, "probe.check")] * 4
    for asked, call in calls:
        process = running.process()
        process.on(call, running.lease_expires)
        assert isinstance(await attempt(asked, process), LeaseLost)
        assert running.last.lost == 0

    await running.process().resume()

    assert running.last.outcome is Outcome.SUCCESS
    assert running.faults() == []


async def test_trap_action_that_was_never_sent_is_in_doubt(running: World) -> None:
    """An action not yet written ahead when the lease is lost leaves no trace."""
    process = running.process()
    process.on("host.rename:done", running.lease_expires)

    assert isinstance(await attempt(Process.patch, process), LeaseLost)

    assert running.last.steps[-1].action.name is ActionName.PARK
    assert running.last.steps[-1].result is StepResult.DONE


async def test_trap_queue_of_starts_does_not_learn_that_docker_went_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a start gets no answer, the queued ones ping Docker first."""
    pings: list[float] = []

    async def ping() -> None:
        pings.append(world.clock.monotonic())
        raise DockerUnavailable("Docker is away")

    queue = StartQueue(1, ping)
    hang = Hang()
    process = world.process()

    async def no_answer() -> None:
        await hang()
        world.docker.reachable = False
        raise DockerUnavailable("no answer")

    process.on("host.start", no_answer, always=True)
    monkeypatch.setattr(InMemoryContainerHost, "turn", lambda _: queue.turn())
    games = [GameId(f"g{number}") for number in range(5)]
    starts = [asyncio.ensure_future(process.start(game=each)) for each in games]
    await hang.reached.wait()
    await turns(200)
    hang.release()
    answers = await asyncio.gather(*starts, return_exceptions=True)

    assert all(isinstance(each, DockerUnavailable) for each in answers)
    assert process.calls.count("host.start") == 1
    assert len(pings) == 1


async def test_trap_snapshot_is_of_the_engine_before(running: World) -> None:
    """After a vanished engine is replaced the snapshot is of the new one."""
    running.docker.vanish(running.engine.id)
    running.image(SLOW, healthy_after=1.0)

    await running.manager.start(SLOW)

    assert running.store.health_snapshots[GAME].event_type is HealthEventType.CONTAINER_STARTED


async def test_trap_shared_error_grows(running: World) -> None:
    """An error shared by two operations says only once that one stays open."""
    shared = DockerUnavailable("Docker is away")
    first, second = running.process(), running.process()
    first.on("host.stop", shared)
    second.on("host.stop", shared)

    errors = [await attempt(Process.restart, first), await attempt(Process.resume, second)]

    assert [str(each).count("stays open") for each in errors] == [1, 1]


@pytest.mark.parametrize("image", [NEVER_HEALTHY, "galaxy/game:1.4.9"])
async def test_trap_patch_of_0_1_open_over_the_upgrade(running: World, image: str) -> None:
    """A rollback restores an old engine that version 0.1 parked under another name.

    The migration has filled in that the old engine ran.
    """
    running.image(NEVER_HEALTHY, healthy_after=None)
    running.image("galaxy/game:1.4.9", exits_after=0.1, exit_code=1)
    before = running.engine.id
    second = await killed_at(running, "host.create:done", lambda each: each.patch(image))
    operation = running.last
    running.store.operations[operation.id] = replace(operation, steps=())
    for each in running.docker.containers.values():
        running.docker.drop_labels(each.id, INSTALLATION_LABEL)
    running.docker.rename(before, parked_name_of_0_1(GAME, operation.id))

    await second.resume()

    assert running.last.error_code is ErrorCode.CONTAINER_START_FAILED
    assert [each.id for each in _running(running)] == [before]
    assert running.faults() == []
