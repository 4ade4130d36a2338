"""Fixtures for the tests of the use cases."""

import pytest

from tests.unit.domain.swarm import SwarmWorld
from tests.unit.domain.world import World


@pytest.fixture
def world() -> World:
    """Return a host with images and nothing running."""
    return World()


@pytest.fixture
def swarm() -> SwarmWorld:
    """Return a Swarm of three nodes with nothing running."""
    return SwarmWorld()


@pytest.fixture
async def running(world: World) -> World:
    """Return a world in which the game runs IMAGE."""
    await world.manager.start()
    return world


@pytest.fixture
async def stopped(running: World) -> World:
    """Return a world in which the game ran and was stopped."""
    await running.manager.stop()
    return running


@pytest.fixture
async def removed(stopped: World) -> World:
    """Return a world in which the game's container was cleaned up."""
    await stopped.manager.cleanup()
    return stopped
