"""Fixtures for the tests of the nodes."""

import pytest

from tests.unit.domain.nodes.cycles import NodeCycles
from tests.unit.domain.swarm import SwarmWorld


@pytest.fixture
async def cycles(swarm: SwarmWorld) -> NodeCycles:
    """Return a leader's cycles in a Swarm with two games on each of its three nodes."""
    cycles = NodeCycles(swarm)
    await cycles.start()
    return cycles
