"""What a list of a real Docker leaves open is inspected in the same round."""

import asyncio
import os
import signal

import pytest

from rtmanager.adapters.in_memory.store import (
    InMemoryHealthLog,
    InMemoryRuntimeRecords,
    InMemoryStore,
)
from rtmanager.adapters.system_clock import SystemClock
from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.monitoring import inspect_containers
from rtmanager.domain.monitoring.inspect_containers import InspectContainers
from rtmanager.domain.monitoring.running_engines import RunningEngines
from tests.builders import make_record
from tests.contract.ports.docker_fixtures import running
from tests.contract.ports.docker_worlds import RealWorld
from tests.support.calls import wait_until

GAMES = [GameId(f"game-{number}") for number in range(3)]
SLACK = 0.2
"""Seconds, so that engines need not run for long to be known as older than the last inspection."""


async def _inspection(world: RealWorld) -> tuple[InspectContainers, list[ContainerId]]:
    """Return the inspection of games that run, and their containers."""
    store, clock = InMemoryStore(), SystemClock()
    engines = [await running(world) for _ in GAMES]
    for game, engine in zip(GAMES, engines, strict=True):
        store.runtime_records[game] = make_record(game_id=game, current_container_id=engine)
    health = InMemoryHealthLog(store)
    watched = RunningEngines(InMemoryRuntimeRecords(store), world.host, health)
    return InspectContainers(watched, world.host, health, clock), engines


def _crash(world: RealWorld, engine: ContainerId) -> None:
    """Let the engine crash, and Docker begin it again, as somebody has told it to."""
    world.api.update_container(engine, restart_policy={"Name": "always"})
    os.kill(world.api.inspect_container(engine)["State"]["Pid"], signal.SIGKILL)
    wait_until(lambda: _runs_again(world, engine))


def _runs_again(world: RealWorld, engine: ContainerId) -> bool:
    shown = world.api.inspect_container(engine)
    return shown["RestartCount"] == 1 and not shown["State"]["Restarting"]


async def test_a_restart_is_reported_in_the_next_round(
    real_docker: RealWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn is another engine's: the list shows which one has begun again."""
    monkeypatch.setattr(inspect_containers, "CLOCK_SLACK", SLACK)
    inspect, engines = await _inspection(real_docker)
    await asyncio.sleep(1.0)  # "Up 1 second"
    await inspect.run()
    await asyncio.to_thread(_crash, real_docker, engines[2])

    assert await inspect.run() == ("game-2 is unhealthy: the restart count grew from 0 to 1")
