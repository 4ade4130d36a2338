"""When and how the games of a lost node start elsewhere."""

import logging
from typing import Any

import pytest

from rtmanager.domain.node import NodeMark, NodeState
from rtmanager.domain.reconciliation.backoff import MIN_PAUSE
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.nodes.cycles import GAMES, NodeCycles

OFF = NodeMark.OFF


async def lose(cycles: NodeCycles, name: str) -> None:
    """Let the node be off by an operator's word."""
    cycles.swarm.power_off(name)
    await cycles.watch.run()
    await cycles.process.cases.mark_nodes.lost(name)


async def test_nothing_moves_while_nobody_vouches_for_the_node(cycles: NodeCycles) -> None:
    """However long it is down, and whatever the reconciler does: its engines may run."""
    before = cycles.swarm.store.runtime_records.copy()
    cycles.swarm.partition("a")
    for _ in range(10):
        await cycles.watch.run()
        assert await cycles.move.run() == ""
        await cycles.reconcile.run()
        cycles.swarm.clock.advance(60)

    assert cycles.running == GAMES
    assert cycles.swarm.store.runtime_records == before


async def test_games_of_a_node_that_is_off_start_elsewhere(cycles: NodeCycles) -> None:
    """All of them, once, and their records say where."""
    there = [game for game, node in cycles.places().items() if node == "a"]
    await lose(cycles, "a")

    assert await cycles.move.run() == f"{len(there)} of {len(there)} lost games moved"

    assert cycles.running == GAMES
    assert "a" not in cycles.places().values()
    assert [each.outcome for each in cycles.swarm.operations if not each.outcome] == []
    assert await cycles.move.run() == ""


async def test_move_names_the_node_in_its_operation(cycles: NodeCycles) -> None:
    """Operators see why a game was restarted."""
    await lose(cycles, "a")
    await cycles.move.run()

    assert cycles.swarm.last.request.origin.source_ref == "node_lost:a"


async def test_games_of_a_node_that_is_back_are_started_again(cycles: NodeCycles) -> None:
    """Swarm has ended their engines: nobody has to vouch for anything."""
    cycles.swarm.partition("a")
    await cycles.watch.run()
    cycles.swarm.come_back("a")

    await cycles.move.run()

    assert cycles.running == GAMES


async def test_engine_that_goes_on_after_the_return_is_left_alone(cycles: NodeCycles) -> None:
    """Until Swarm ends it nothing has to be done."""
    cycles.swarm.partition("a")
    await cycles.watch.run()
    cycles.swarm.reconnect("a")

    assert await cycles.move.run() == ""
    assert cycles.running == GAMES


async def test_only_a_few_move_at_once(swarm: Any) -> None:
    """A node's loss does not bring the others down as well."""
    cycles = NodeCycles(swarm)
    await cycles.start([*GAMES, *(type(GAMES[0])(f"h{number}") for number in range(20))])
    await lose(cycles, "a")
    busy, most = 0, 0

    async def begin() -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await swarm.clock.sleep(1)

    async def end() -> None:
        nonlocal busy
        busy -= 1

    cycles.process.on("host.create", begin, always=True)
    cycles.process.on("host.create:done", end, always=True)
    await cycles.move.run()

    assert most == cycles.move.at_once


async def test_game_that_another_worker_has_moved_is_not_left(
    cycles: NodeCycles, caplog: pytest.LogCaptureFixture
) -> None:
    """The reconciler and the watcher of events meet lost games as well."""
    caplog.set_level(logging.INFO)
    *_, other = (game for game in GAMES if cycles.places()[game] == "a")
    await lose(cycles, "a")
    reconcile = NodeCycles(cycles.swarm, cycles.swarm.process()).move.reconcile
    cycles.move.at_once = 1

    async def move_the_other() -> None:
        await reconcile.run(other, "event")

    cycles.process.on("host.create", move_the_other)
    await cycles.move.run()

    moved = next(each for each in caplog.records if each.message == "lost_games_moved")
    assert moved.__dict__ | {"moved": 1, "left": 0} == moved.__dict__


async def test_game_without_room_is_tried_again_later(cycles: NodeCycles) -> None:
    """Its record stays running, with the pauses of the reconciler."""
    for name in "bc":
        await cycles.swarm.nodes.mark(cycles.swarm.node(name), NodeMark.DRAIN)
    await lose(cycles, "a")
    assert await cycles.move.run() == "0 of 2 lost games moved"
    assert await cycles.move.run() == ""
    await cycles.swarm.nodes.unmark(cycles.swarm.node("b"), NodeMark.DRAIN)
    cycles.swarm.clock.advance(MIN_PAUSE)

    assert await cycles.move.run() == "2 of 2 lost games moved"

    statuses = {each.status for each in cycles.swarm.store.runtime_records.values()}
    assert statuses == {RuntimeStatus.RUNNING}
    assert cycles.running == GAMES


async def test_game_without_room_is_tried_at_once_when_a_node_comes(cycles: NodeCycles) -> None:
    """There may be room now."""
    for name in "bc":
        await cycles.swarm.nodes.mark(cycles.swarm.node(name), NodeMark.DRAIN)
    await lose(cycles, "a")
    await cycles.move.run()
    cycles.swarm.nodes.add("d")

    assert await cycles.move.run() == "2 of 2 lost games moved"


@pytest.mark.parametrize("index", range(0, 60, 3))
async def test_next_leader_completes_what_a_dead_one_has_begun(
    cycles: NodeCycles, index: int
) -> None:
    """Killed anywhere: every game runs once in the end."""
    await lose(cycles, "a")
    next_leader = await cycles.die_at(index, of=cycles.move.run)
    for _ in range(3):
        await next_leader.resume_all()
        await next_leader.move.run()
        await next_leader.reconcile.run()

    assert next_leader.running == GAMES
    assert "a" not in next_leader.places().values()
    assert cycles.swarm.doubled == []


async def test_game_stopped_meanwhile_is_not_started_again(cycles: NodeCycles) -> None:
    """Who stops a lost game does not want it elsewhere."""
    game = next(game for game, node in cycles.places().items() if node == "a")
    await lose(cycles, "a")
    await cycles.process.stop(game)  # type: ignore[arg-type]

    await cycles.move.run()

    assert game not in cycles.running


async def test_unknown_node_state_moves_nothing(cycles: NodeCycles) -> None:
    """After a change of Swarm's leader all nodes are unknown for some seconds."""
    for name in "abc":
        cycles.swarm.nodes.change(cycles.swarm.node(name).id, state=NodeState.UNKNOWN)

    assert await cycles.watch.run() == ""
    assert await cycles.move.run() == ""
    assert cycles.marks("a") == set()
