"""A list of all containers costs a large Swarm seconds: it is not asked for at every look."""

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.cluster_nodes import InMemoryClusterNodes
from rtmanager.domain.nodes.attention import ATTENTIVE, SELDOM, Attention
from tests.unit.domain.nodes.cycles import NodeCycles

INTERVAL = 5.0


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that the test controls."""
    return ManualClock()


async def looks(attention: Attention, clock: ManualClock, nodes: InMemoryClusterNodes) -> int:
    """Return how many looks are due in ten minutes."""
    due = 0
    for _ in range(int(600 / INTERVAL)):
        due += attention.is_due(await nodes.list_nodes())
        clock.advance(INTERVAL)
    return due


async def test_looks_are_seldom_while_nothing_changes(clock: ManualClock) -> None:
    """Often at first, and after a change of any node, then once a minute."""
    nodes, attention = InMemoryClusterNodes(clock), Attention(clock)
    node = nodes.add("a")

    often, seldom = ATTENTIVE / INTERVAL, (600 - ATTENTIVE) // SELDOM
    assert await looks(attention, clock, nodes) == often + seldom
    assert await looks(attention, clock, nodes) == 600 / SELDOM
    nodes.change(node.id)
    assert await looks(attention, clock, nodes) == often + seldom


async def test_work_that_was_found_is_gone_on_with(clock: ManualClock) -> None:
    """A drain takes longer than a minute."""
    nodes, attention = InMemoryClusterNodes(clock), Attention(clock)
    await looks(attention, clock, nodes)

    attention.found_work()

    assert attention.is_due(await nodes.list_nodes())


async def test_node_that_stays_off_or_drained_costs_little(cycles: NodeCycles) -> None:
    """For weeks: three workers list once a minute what they found nothing in."""
    cycles.swarm.fencing.is_available = True
    await cycles.process.cases.mark_nodes.drain("b")
    cycles.swarm.power_off("a")
    await cycles.watch.run()
    await cycles.process.cases.mark_nodes.lost("a")
    workers = (cycles.watch, cycles.move, cycles.drain, cycles.fence)
    for _ in range(50):
        for each in workers:
            await each.run()
        cycles.swarm.clock.advance(INTERVAL)
    cycles.process.calls.clear()

    for _ in range(int(600 / INTERVAL)):
        for each in workers:
            await each.run()
        cycles.swarm.clock.advance(INTERVAL)

    assert cycles.process.calls.count("host.list_containers") <= 3 * 600 / SELDOM
