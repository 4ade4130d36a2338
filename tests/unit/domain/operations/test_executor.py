"""Executing one action on the ports: which call, by which name, with which result."""

import contextlib
from dataclasses import replace

import pytest

from rtmanager.adapters.in_memory.state_directories import InMemoryStateDirectories
from rtmanager.domain.container import ContainerId, aside_name, container_name, parked_name
from rtmanager.domain.errors import InternalError, RuntimeManagerError
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Fence,
    Operation,
    OperationKind,
    Predecessor,
)
from rtmanager.domain.operations.executor import Executor
from rtmanager.domain.operations.health_gate import Gate
from rtmanager.domain.operations.observation import GateReading
from rtmanager.domain.operations.observer import OperationContext
from tests.builders import NOON, make_request
from tests.unit.domain.observed import IMAGE as AN_IMAGE
from tests.unit.domain.observed import held_lease, nothing_early
from tests.unit.domain.world import GAME, IMAGE, POLICY, World

FENCE = Fence(9)


def context_of(world: World, kind: OperationKind = OperationKind.RESTART) -> OperationContext:
    """Return the context of an operation on the world's game, held by its first process."""
    request = make_request(game_id=GAME, kind=kind, image_ref=None)
    return OperationContext(
        operation=Operation(id=FENCE, request=request, started_at=NOON),
        record=world.record,
        lease=held_lease(),
        early=nothing_early(),
    )


def executor_of(world: World) -> Executor:
    """Return the executor of the world's first process."""
    return world.manager.cases.operations.answering.interpreter.executor


@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        (ActionName.PARK, parked_name(GAME, FENCE)),
        (ActionName.SET_ASIDE, aside_name(GAME, FENCE)),
        (ActionName.UNPARK, container_name(GAME)),
    ],
)
async def test_container_is_renamed_as_the_action_says(
    running: World, name: ActionName, becomes: str
) -> None:
    """Parked and aside names contain the fence; unparking restores the engine's name."""
    engine = running.engine
    running.docker.rename(engine.id, "before")

    await executor_of(running).perform(context_of(running), Action(name, engine.id))

    assert engine.name == becomes


async def test_address_wins_over_the_id(running: World) -> None:
    """A late call must fail once the name is gone, even if the id still exists."""
    action = Action(ActionName.STOP, running.engine.id, parked_name(GAME, FENCE))

    with pytest.raises(Exception, match="No such container: galaxy-parked-9-g1"):
        await executor_of(running).perform(context_of(running), action)

    assert running.engine.is_running


@pytest.mark.parametrize("name", [ActionName.CREATE, ActionName.START])
async def test_gate_reading_of_another_engine_is_discarded(
    stopped: World, name: ActionName
) -> None:
    """A reading of one container says nothing about the next one."""
    context = context_of(stopped)
    context.gate = GateReading(note="healthy")
    executor = executor_of(stopped)
    if name is ActionName.CREATE:
        stopped.docker.rename(stopped.engine.id, "old")
        await executor.perform(context, Action(ActionName.OBTAIN_IMAGE))
        await executor.perform(context, Action(ActionName.PREPARE_STATE))
        await executor.perform(context, Action(ActionName.CREATE))
    else:
        await executor.perform(context, Action(ActionName.START, stopped.engine.id))

    assert context.gate is None


async def test_restart_obtains_the_very_image_that_ran(running: World) -> None:
    """The image is used by its id, whatever its tag means by now."""
    context = context_of(running)

    note = await executor_of(running).perform(context, Action(ActionName.OBTAIN_IMAGE))

    assert note == "the image that ran before"
    assert context.image is not None
    assert context.image.id == running.engine.image.id


async def test_missing_image_without_a_reference_is_refused(running: World) -> None:
    """An adopted engine does not say what to pull."""
    context = context_of(running)
    assert context.record is not None
    context.record = replace(context.record, current_image_ref=None)
    running.docker.remove_image(IMAGE)

    with pytest.raises(Exception, match="its reference is not known"):
        await executor_of(running).perform(context, Action(ActionName.OBTAIN_IMAGE))


@pytest.mark.parametrize(
    ("kind", "healthy", "gate"),
    [
        (OperationKind.PATCH, True, Gate(30.0, must_answer=True, stays_up=2.0)),
        (OperationKind.PATCH, False, Gate(5.0)),
        (OperationKind.RESTART, True, Gate(5.0)),
    ],
)
async def test_only_the_patch_of_a_healthy_engine_needs_the_health_gate(
    running: World,
    monkeypatch: pytest.MonkeyPatch,
    kind: OperationKind,
    gate: Gate,
    *,
    healthy: bool,
) -> None:
    """In a restart, or after an unhealthy engine, the new engine only has to keep running."""
    asked: list[Gate] = []

    async def watch(_self: object, _container: ContainerId, gate: Gate) -> GateReading:
        asked.append(gate)
        return GateReading()

    executor, context = executor_of(running), context_of(running, kind)
    monkeypatch.setattr(type(executor.gate), "watch", watch)
    before = Predecessor(container_id=running.engine.id, ran=True, healthy=healthy)
    context.operation = replace(context.operation, predecessor=before)

    await executor.perform(context, Action(ActionName.WATCH_GATE, running.engine.id))

    assert asked == [gate]


@pytest.mark.parametrize("name", [ActionName.CREATE, ActionName.PREPARE_STATE])
async def test_action_without_what_it_needs_is_a_defect(world: World, name: ActionName) -> None:
    """Without an image or a spec nothing is guessed."""
    with pytest.raises(InternalError):
        await executor_of(world).perform(context_of(world), Action(name))

    assert world.docker.containers == {}


async def test_known_path_of_a_game_with_a_history_is_handed_on(running: World) -> None:
    """The state directories are given the path where the state was."""
    context = context_of(running)
    context.image = AN_IMAGE
    assert context.record is not None
    context.record = replace(context.record, state_path="/mnt/elsewhere")
    world_policy = replace(POLICY, state_owner=(1, 1))
    executor = replace(executor_of(running), policy=world_policy)

    with pytest.raises(Exception, match="/mnt/elsewhere"):
        await executor.perform(context, Action(ActionName.PREPARE_STATE))

    assert context.spec is None


@pytest.mark.parametrize("marker", [None, "/srv/games/.galaxy-state-1"])
async def test_container_gets_the_marker_of_the_state_root(
    world: World, marker: str | None
) -> None:
    """What shows that a host has the shared storage is part of the container."""
    context = context_of(world)
    context.image = AN_IMAGE
    executor = replace(
        executor_of(world),
        directories=InMemoryStateDirectories(marker=marker),
        policy=replace(POLICY, state_owner=(1, 1)),
    )

    await executor.perform(context, Action(ActionName.PREPARE_STATE))

    assert context.spec is not None
    assert context.spec.state_marker == marker


@pytest.mark.parametrize("name", ActionName)
async def test_every_action_has_a_case(running: World, name: ActionName) -> None:
    """An action without a case would be done in name only; refusals of Docker are fine here."""
    action = Action(name, ContainerId("no such container"))

    with contextlib.suppress(RuntimeManagerError):
        await executor_of(running).perform(context_of(running), action)
