"""How the games of drained nodes are moved."""

import logging

import pytest

from rtmanager.domain.node import NodeMark
from rtmanager.domain.nodes.drain_nodes import GAME_PAUSE, NODE_PAUSE
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.nodes.cycles import GAMES, NodeCycles


async def test_nothing_is_listed_while_no_node_is_drained(cycles: NodeCycles) -> None:
    """The usual case costs one question."""
    cycles.process.calls.clear()

    assert await cycles.drain.run() == ""
    assert cycles.process.calls == ["nodes.list_nodes", "nodes.list_nodes:done"]


async def test_games_of_a_drained_node_start_elsewhere(cycles: NodeCycles) -> None:
    """Each is restarted, with the drain as the reason."""
    await cycles.process.cases.mark_nodes.drain("a")

    assert await cycles.drain.run() == "2 of 2 games moved from drained nodes"

    assert cycles.running == GAMES
    assert "a" not in cycles.places().values()
    assert cycles.swarm.last.request.origin.source_ref == "node_drain:a"
    assert await cycles.drain.run() == ""


async def test_progress_is_logged_when_it_changes(
    cycles: NodeCycles, caplog: pytest.LogCaptureFixture
) -> None:
    """How many are left, and that none is."""
    caplog.set_level(logging.INFO)
    await cycles.process.cases.mark_nodes.drain("a")
    for _ in range(3):
        await cycles.drain.run()

    lines = [each for each in caplog.records if each.message.startswith("node_")]
    assert [each.message for each in lines] == ["node_draining", "node_drained"]
    assert vars(lines[0])["left"] == 2


async def test_game_stopped_meanwhile_stays_stopped(cycles: NodeCycles) -> None:
    """A restart would start it again; the record is read under the lease."""
    game = next(game for game, node in cycles.places().items() if node == "a")
    await cycles.process.cases.mark_nodes.drain("a")
    other = cycles.swarm.process()

    async def stop() -> None:
        await other.stop(game)  # type: ignore[arg-type]

    cycles.process.on("lease.acquire", stop)
    await cycles.drain.run()

    assert cycles.swarm.store.runtime_records[game].status is RuntimeStatus.STOPPED  # type: ignore[index]
    assert game not in cycles.running


async def test_game_that_cannot_be_moved_runs_where_it_did(cycles: NodeCycles) -> None:
    """Without room the drain rests, so that not every game is down once for nothing."""
    for name in "abc":
        await cycles.process.cases.mark_nodes.drain(name)
    cycles.drain.at_once = 1
    before = len(cycles.swarm.operations)

    await cycles.drain.run()
    await cycles.drain.run()

    tried = cycles.swarm.operations[before:]
    assert len(tried) == 3  # one for each node
    assert {each.outcome for each in tried} == {"failure"}


async def test_drain_goes_on_with_other_games_after_its_rest(cycles: NodeCycles) -> None:
    """One game that cannot be restarted does not keep the others."""
    await cycles.process.cases.mark_nodes.drain("a")
    cycles.drain.at_once = 1
    cycles.process.on("host.create", RuntimeError("not this one"))

    await cycles.drain.run()
    cycles.swarm.clock.advance(NODE_PAUSE)
    assert await cycles.drain.run() == "1 of 2 games moved from drained nodes"
    assert await cycles.drain.run() == ""
    cycles.swarm.clock.advance(GAME_PAUSE)

    assert await cycles.drain.run() == "1 of 1 games moved from drained nodes"
    assert cycles.running == GAMES


async def test_drained_node_that_is_down_is_left_alone(cycles: NodeCycles) -> None:
    """Its engines may run: they are moved when it is back, or off."""
    await cycles.process.cases.mark_nodes.drain("a")
    cycles.swarm.partition("a")
    before = len(cycles.swarm.operations)

    assert await cycles.drain.run() == ""
    assert len(cycles.swarm.operations) == before


async def test_activated_node_keeps_what_is_left(cycles: NodeCycles) -> None:
    """A drain that is taken back moves nothing more."""
    await cycles.process.cases.mark_nodes.drain("a")
    await cycles.process.cases.mark_nodes.activate("a")

    assert await cycles.drain.run() == ""
    assert cycles.marks("a") == set()
    assert NodeMark.DRAIN not in cycles.swarm.node("a").marks


@pytest.mark.parametrize("index", range(0, 60, 3))
async def test_next_leader_goes_on_with_a_drain(cycles: NodeCycles, index: int) -> None:
    """Killed anywhere: every game runs once in the end, and none on the node."""
    await cycles.process.cases.mark_nodes.drain("a")
    next_leader = await cycles.die_at(index, of=cycles.drain.run)
    for _ in range(3):
        await next_leader.resume_all()
        await next_leader.drain.run()
        await next_leader.reconcile.run()

    assert next_leader.running == GAMES
    assert "a" not in next_leader.places().values()
    assert cycles.swarm.doubled == []
