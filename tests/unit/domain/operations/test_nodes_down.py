"""Operations on games whose engine is on a node that is down, or was lost with one."""

from collections.abc import Awaitable, Callable

import pytest

from rtmanager.domain.container import ContainerStatus
from rtmanager.domain.errors import ContainerStartFailed, DockerUnavailable, ErrorCode
from rtmanager.domain.node import NodeMark
from rtmanager.domain.operation import Action, ActionName, OperationKind, OpSource
from rtmanager.domain.operations import cleanup_container
from rtmanager.domain.operations.decision import RollBack
from rtmanager.domain.operations.kinds import decide
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.unit.domain.observed import NEW, STOPPED, container, new, operation, ready, seen
from tests.unit.domain.swarm import SwarmWorld
from tests.unit.domain.world import GAME, PATCHED, POLICY, Process

REFUSED: dict[str, Callable[[Process], Awaitable[RuntimeRecord]]] = {
    "start": lambda manager: manager.start(),
    "stop": lambda manager: manager.stop(),
    "restart": lambda manager: manager.restart(),
    "patch": lambda manager: manager.patch(),
}


async def lost(swarm: SwarmWorld, *, by: str = "off") -> None:
    """Let the game's engine be lost: its node is off, or is back and has ended it."""
    name = swarm.node_of()
    if by == "off":
        swarm.power_off(name)
        await swarm.nodes.mark(swarm.node(name), NodeMark.OFF)
    else:
        swarm.partition(name)
        swarm.come_back(name)


@pytest.mark.parametrize("kind", REFUSED)
async def test_request_is_refused_while_nobody_knows_whether_the_engine_runs(
    swarm: SwarmWorld, kind: str
) -> None:
    """It says what to do, changes nothing, and leaves nothing open."""
    before = await swarm.manager.start()
    swarm.partition("a")

    with pytest.raises(DockerUnavailable, match=r"node a is down.*rtmanager node lost a"):
        await REFUSED[kind](swarm.manager)

    assert swarm.record == before
    assert swarm.faults() == []


async def test_job_is_answered_like_a_request(swarm: SwarmWorld) -> None:
    """It does not wait for a node, which may take days: the Lobby gets its one result."""
    await swarm.manager.start()
    swarm.partition("a")
    swarm.source = OpSource.LOBBY_STREAM

    with pytest.raises(DockerUnavailable):
        await swarm.manager.stop()

    assert swarm.last.error_code is ErrorCode.DOCKER_UNAVAILABLE
    assert swarm.store.outbox[-1].fields["outcome"] == "failure"


async def test_stop_under_way_stays_open_until_the_node_is_back(swarm: SwarmWorld) -> None:
    """Its effect is unknown; when Swarm has ended the engine, the stop is complete."""
    await swarm.manager.start()

    async def break_link() -> None:
        swarm.partition("a")

    swarm.manager.on("host.stop", break_link)
    with pytest.raises(DockerUnavailable, match="stays open"):
        await swarm.manager.stop()
    swarm.come_back("a")
    await swarm.manager.resume()

    assert swarm.now.status is RuntimeStatus.STOPPED
    assert swarm.faults() == []


async def test_restart_under_way_goes_on_when_somebody_vouches_that_the_node_is_off(
    swarm: SwarmWorld,
) -> None:
    """The old engine is not waited for any more, and the new one runs elsewhere."""
    await swarm.manager.start()

    async def lose_power() -> None:
        swarm.power_off("a")

    swarm.manager.on("host.stop", lose_power)
    with pytest.raises(DockerUnavailable):
        await swarm.manager.restart()
    await swarm.nodes.mark(swarm.node("a"), NodeMark.OFF)
    await swarm.manager.resume()

    assert swarm.now.status is RuntimeStatus.RUNNING
    assert swarm.node_of() == "b"
    assert swarm.faults() == []


async def test_gate_cannot_judge_an_engine_out_of_reach(swarm: SwarmWorld) -> None:
    """A start stays open when the node goes down while its engine is watched."""

    async def break_link() -> None:
        swarm.partition("a")

    swarm.image("galaxy/slow:1.0.0", healthy_after=POLICY.start_gate_timeout * 2)
    swarm.manager.on("host.start:done", break_link)
    with pytest.raises(DockerUnavailable, match="stays open"):
        await swarm.manager.start("galaxy/slow:1.0.0")

    assert swarm.record is None


async def test_engine_that_is_lost_while_it_starts_is_replaced_by_the_old_one(
    swarm: SwarmWorld,
) -> None:
    """A patch whose node was lost is rolled back, and the error says so."""
    await swarm.manager.start()

    async def break_link() -> None:
        swarm.partition(swarm.node_of())

    swarm.manager.on("host.start:done", break_link)
    with pytest.raises(DockerUnavailable):
        await swarm.manager.patch(PATCHED)
    swarm.come_back(swarm.node_of())
    await swarm.manager.resume()

    assert swarm.last.error_message is not None
    assert "the engine was lost with node" in swarm.last.error_message
    assert swarm.now.current_image_ref != PATCHED
    assert swarm.faults() == []


def test_start_in_progress_is_joined() -> None:
    """A new container that Swarm still places is started again, which waits for it."""
    starting = ready(new=new(status=ContainerStatus.STARTING))

    assert decide(operation(), starting) == Action(ActionName.START, NEW)


@pytest.mark.parametrize("by", ["off", "return"])
async def test_stop_of_a_lost_engine_is_recorded(swarm: SwarmWorld, by: str) -> None:
    """Who stops a game whose engine was lost does not want it elsewhere."""
    await swarm.manager.start()
    await lost(swarm, by=by)

    record = await swarm.manager.stop()

    assert record.status is RuntimeStatus.STOPPED
    assert swarm.last.details["found"] == "lost with node a"
    assert swarm.last.details["exit"]["missed"] == "node_lost"  # type: ignore[index]


async def test_restart_of_a_lost_engine_says_once_that_it_disappeared(swarm: SwarmWorld) -> None:
    """It has not exited by itself; the new one runs elsewhere."""
    await swarm.manager.start()
    await lost(swarm)

    await swarm.manager.restart()

    assert swarm.events == ["container_started", "container_disappeared", "container_started"]
    assert swarm.node_of() == "b"


async def test_lost_engine_leaves_its_record_running_when_it_cannot_be_started(
    swarm: SwarmWorld,
) -> None:
    """Nothing is announced: the reconciler tries again, and then it is."""
    before = await swarm.manager.start()
    swarm.partition("b")
    swarm.partition("c")
    await lost(swarm)

    with pytest.raises(ContainerStartFailed, match="no suitable node"):
        await swarm.manager.restart()

    assert swarm.now.status is RuntimeStatus.RUNNING
    assert swarm.now.current_container_id == before.current_container_id
    assert swarm.events == ["container_started"]


async def test_engine_that_exits_by_itself_is_still_recorded(swarm: SwarmWorld) -> None:
    """On a node that was never down an exit is an exit, of which a Swarm shows no signals."""
    await swarm.manager.start()
    swarm.docker.crash(swarm.engine.id, exit_code=3)

    await swarm.manager.cycles.reconcile.run()

    assert swarm.now.status is RuntimeStatus.STOPPED
    assert swarm.events[-1] == "container_exited"
    assert swarm.last.details["exit"]["missed"] == "not_shown"  # type: ignore[index]


def test_cleanup_fails_for_now_if_an_engine_may_run_out_of_reach() -> None:
    """Nobody has started the container: it is not known whether it runs."""
    world = SwarmWorld()
    world.partition("a")
    placed = {"placement": _placement_of(world)}
    observed = seen(record=STOPPED, current=container(**placed))

    decision = cleanup_container.decide(operation(OperationKind.CLEANUP_CONTAINER), observed)

    assert isinstance(decision, RollBack)
    assert decision.cause.code is ErrorCode.DOCKER_UNAVAILABLE
    assert "node a is down" in decision.cause.message


def _placement_of(world: SwarmWorld) -> object:
    world.tasks[NEW] = (world.node("a").id, world.clock.now())
    return world.shown(container(id=NEW)).placement


async def test_nothing_runs_twice_behind_a_broken_link(swarm: SwarmWorld) -> None:
    """Whatever is asked for, and however often: the engine there goes on alone."""
    await swarm.manager.start()
    swarm.partition("a")

    for ask in REFUSED.values():
        with pytest.raises(DockerUnavailable):
            await ask(swarm.manager)
    await swarm.manager.cycles.reconcile.run()

    assert [each.name for each in swarm.docker.containers.values() if each.is_running] == [
        f"galaxy-game-{GAME}"
    ]
