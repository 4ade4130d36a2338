"""Which nodes are marked, and when the marks are taken away again."""

import logging

import pytest

from rtmanager.domain.node import NodeMark
from rtmanager.domain.nodes.attention import SELDOM
from rtmanager.domain.nodes.watch_nodes import RETURN_TAKES
from rtmanager.domain.ports.cluster_nodes import NodeChanged
from tests.unit.domain.nodes.cycles import GAMES, NodeCycles
from tests.unit.domain.watch import stray

INTERRUPTED, OFF = NodeMark.INTERRUPTED, NodeMark.OFF
INTERVAL = 5.0


async def test_nothing_is_written_while_all_nodes_are_ready(cycles: NodeCycles) -> None:
    """Looking changes nothing, and lists no container."""
    cycles.process.calls.clear()

    assert await cycles.watch.run() == ""
    assert cycles.process.calls == ["nodes.list_nodes", "nodes.list_nodes:done"]


async def test_node_that_goes_down_is_marked_once(
    cycles: NodeCycles, caplog: pytest.LogCaptureFixture
) -> None:
    """What ends on it has not ended by itself; the log says so once per outage."""
    cycles.swarm.partition("a")

    assert await cycles.watch.run() == "node a is down"
    version = cycles.swarm.node("a").version
    assert await cycles.watch.run() == ""

    assert cycles.marks("a") == {INTERRUPTED}
    assert cycles.swarm.node("a").version == version
    assert [each.message for each in caplog.records] == ["node_down"]


async def test_every_outage_dates_the_mark_anew(cycles: NodeCycles) -> None:
    """It is about everything that is on the node, also what was placed there since the last one."""
    cycles.swarm.partition("a")
    await cycles.watch.run()
    first = cycles.swarm.node("a").marks[INTERRUPTED]

    cycles.swarm.clock.advance(5)
    cycles.swarm.come_back("a")
    cycles.swarm.clock.advance(5)
    cycles.swarm.partition("a")
    await cycles.watch.run()

    assert cycles.swarm.node("a").marks[INTERRUPTED] > first


async def test_next_leader_marks_a_node_that_is_down_already(cycles: NodeCycles) -> None:
    """It cannot know whether it is the same outage."""
    cycles.swarm.partition("a")

    await NodeCycles(cycles.swarm, cycles.swarm.process()).watch.run()

    assert cycles.marks("a") == {INTERRUPTED}


async def test_node_that_changes_at_that_moment_is_looked_at_again(cycles: NodeCycles) -> None:
    """Nothing is written about a node that has come back meanwhile."""
    cycles.swarm.partition("a")
    cycles.process.on("nodes.mark", NodeChanged())

    assert await cycles.watch.run() == ""
    assert await cycles.watch.run() == "node a is down"


async def test_marks_stay_until_all_games_run_elsewhere(
    cycles: NodeCycles, caplog: pytest.LogCaptureFixture
) -> None:
    """Then the outage is over, and what ends there later has ended by itself."""
    caplog.set_level(logging.INFO)
    cycles.swarm.partition("a")
    await cycles.watch.run()
    cycles.swarm.come_back("a")
    await cycles.watch.run()
    cycles.swarm.clock.advance(RETURN_TAKES)
    await cycles.watch.run()
    assert cycles.marks("a") == {INTERRUPTED}

    await cycles.move.run()
    cycles.swarm.clock.advance(SELDOM)

    assert await cycles.watch.run() == "node a has recovered"
    assert cycles.marks("a") == set()
    messages = [each.message for each in caplog.records]
    assert [each for each in messages if each.startswith("node_")] == [
        "node_down",
        "node_back",
        "node_recovered",
    ]


async def test_marks_stay_until_swarm_has_had_the_time_to_end_what_was_there(
    cycles: NodeCycles,
) -> None:
    """Some seconds after its return a node ends its engines: they have not ended by themselves."""
    cycles.swarm.partition("a")
    await cycles.watch.run()
    cycles.swarm.reconnect("a")
    await cycles.watch.run()
    cycles.swarm.clock.advance(RETURN_TAKES - 1)
    await cycles.watch.run()

    assert cycles.marks("a") == {INTERRUPTED}


async def test_both_marks_of_an_outage_are_taken_away(cycles: NodeCycles) -> None:
    """A node that was off and is back is like any other."""
    cycles.swarm.power_off("a")
    await cycles.watch.run()
    await cycles.swarm.nodes.mark(cycles.swarm.node("a"), OFF)
    await cycles.move.run()
    cycles.swarm.come_back("a")
    await cycles.watch.run()
    cycles.swarm.clock.advance(RETURN_TAKES)
    await cycles.watch.run()
    await cycles.watch.run()

    assert cycles.marks("a") == set()
    assert cycles.running == GAMES


async def test_outage_is_over_a_minute_after_the_return(cycles: NodeCycles) -> None:
    """Not at one of the looks that are seldom, which come later."""
    cycles.swarm.partition("a")
    await cycles.watch.run()
    cycles.swarm.come_back("a")
    await cycles.move.run()
    for _ in range(int(RETURN_TAKES / INTERVAL) + 1):
        await cycles.watch.run()
        cycles.swarm.clock.advance(INTERVAL)

    assert cycles.marks("a") == set()


async def test_drain_outlasts_an_outage(cycles: NodeCycles) -> None:
    """An operator has said it, and takes it back."""
    await cycles.swarm.nodes.mark(cycles.swarm.node("a"), NodeMark.DRAIN)
    cycles.swarm.partition("a")
    await cycles.watch.run()
    cycles.swarm.come_back("a")
    await cycles.move.run()
    await cycles.watch.run()
    cycles.swarm.clock.advance(RETURN_TAKES)
    await cycles.watch.run()

    assert cycles.marks("a") == {NodeMark.DRAIN}


async def test_engine_of_a_moved_game_is_stopped_as_soon_as_its_node_is_back(
    cycles: NodeCycles,
) -> None:
    """Without any grace period: it may write the state of the game's engine."""
    cycles.swarm.partition("a")
    await cycles.watch.run()
    left = stray(cycles.swarm, "left-over", game=GAMES[1])
    cycles.swarm.docker.run(left)
    cycles.swarm.tasks[left.id] = (cycles.swarm.node("a").id, cycles.swarm.clock.now())
    cycles.swarm.come_back("a")

    await cycles.watch.run()

    assert left.id not in cycles.swarm.docker.containers
    assert cycles.marks("a") == {INTERRUPTED}


async def test_engines_of_other_installations_keep_no_mark(cycles: NodeCycles) -> None:
    """They are none of our business."""
    cycles.swarm.partition("a")
    await cycles.watch.run()
    cycles.swarm.come_back("a")
    await cycles.move.run()
    other = cycles.swarm.docker.add_foreign(
        "other",
        labels=dict(stray(cycles.swarm, "x").spec.labels) | {"com.galaxy.installation": "o"},
    )
    cycles.swarm.docker.run(other)
    cycles.swarm.tasks[other.id] = (cycles.swarm.node("a").id, cycles.swarm.clock.now())
    await cycles.watch.run()
    cycles.swarm.clock.advance(RETURN_TAKES)

    assert await cycles.watch.run() == "node a has recovered"
    assert other.is_running
