"""By what the marks of a node are dated."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.cluster_nodes import InMemoryClusterNodes
from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.swarm.nodes import SwarmNodes
from rtmanager.domain.node import NodeMark
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from tests.contract.ports.memory_swarms import MemorySwarmWorld

LATER = 3600.0


class Marks:
    """A node, on the double or as Swarm's requests show it, and a clock."""

    def __init__(self, nodes: ClusterNodes) -> None:
        self.nodes = nodes

    async def mark(self, mark: NodeMark) -> datetime:
        """Mark the node as it is now; return the date."""
        (node,) = await self.nodes.list_nodes()
        await self.nodes.mark(node, mark)
        (node,) = await self.nodes.list_nodes()
        return node.marks[mark]

    async def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        raise NotImplementedError


class OnTheDouble(Marks):
    """The double of the port."""

    def __init__(self, _: Path) -> None:
        self.clock = ManualClock()
        nodes = InMemoryClusterNodes(self.clock)
        nodes.add("a")
        super().__init__(nodes)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)


class OnTheAdapter(Marks):
    """The adapter, on the double of a Swarm."""

    def __init__(self, directory: Path) -> None:
        self.world = MemorySwarmWorld(str(directory))
        super().__init__(SwarmNodes(InMemorySwarmApi(swarm=self.world.swarm)))

    async def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        await self.world.pass_time(seconds)


@pytest.fixture(params=[OnTheDouble, OnTheAdapter])
def marks(request: pytest.FixtureRequest, tmp_path: Path) -> Marks:
    """Return a node."""
    found: Marks = request.param(tmp_path)
    return found


async def test_drain_is_dated_by_when_it_was_said_first(marks: Marks) -> None:
    """Operators read since when a node is drained, not since when it was as it was before."""
    off = await marks.mark(NodeMark.OFF)
    await marks.pass_time(LATER)
    first = await marks.mark(NodeMark.DRAIN)
    await marks.pass_time(LATER)
    again = await marks.mark(NodeMark.DRAIN)

    assert first - off >= timedelta(seconds=LATER)
    assert again == first


@pytest.mark.parametrize("mark", [NodeMark.OFF, NodeMark.INTERRUPTED])
async def test_end_of_a_node_is_dated_by_its_last_change(marks: Marks, mark: NodeMark) -> None:
    """What is on it was placed before that; a later outage is dated anew."""
    first = await marks.mark(mark)
    await marks.pass_time(LATER)
    again = await marks.mark(mark)

    assert timedelta(0) <= again - first < timedelta(seconds=LATER)
