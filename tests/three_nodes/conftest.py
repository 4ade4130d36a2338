"""The fixtures of the tests on three nodes: a Swarm of its own for each test that breaks it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dev.checkout import NETWORK
from dev.swarm.cluster import ENGINES, SIZE, Cluster
from dev.swarm.node import ensure_overlay
from dev.swarm.seat import Seat
from dev.swarm.store import STORE
from tests.acceptance.conftest import environment, game, lobby, new_games
from tests.support.databases import REDIS_SETTINGS
from tests.support.environment import Environment
from tests.support.run import Say, run_name
from tests.support.running_service import RunningService
from tests.support.swarm import Relays
from tests.support.swarm_containers import SwarmContainers
from tests.support.swarm_environment import (
    docker_api,
    new_environment,
    overlay,
    service_network,
    service_settings,
)
from tests.three_nodes.lab import Front, Lab

__all__ = [
    "docker_api",
    "environment",
    "game",
    "lobby",
    "new_environment",
    "new_games",
    "overlay",
    "service_network",
    "service_settings",
]


@pytest.fixture
def managers() -> int:
    """Return how many of the three nodes are managers; a test can have fewer."""
    return SIZE


@pytest.fixture
def cluster(say: Say, managers: int) -> Iterator[Cluster]:
    """Return three running nodes, which are removed after the test."""
    directory = STORE / f"{run_name()}-three"
    made = Cluster(directory, managers=managers, owner=os.getpid(), is_tcp=True)
    try:
        made.start(say)
        ensure_overlay(made.nodes[0], NETWORK, ENGINES)
        yield made
    finally:
        made.remove()


@pytest.fixture
def lab(  # noqa: PLR0913, PLR0917 - one real server each
    cluster: Cluster,
    relays: Relays,
    postgres: Any,
    new_database: Callable[[], str],
    new_redis: Callable[[], str],
    tmp_path: Path,
) -> Iterator[Lab]:
    """Return the nodes with a service on each, and the image of the recording engine."""
    redis = new_redis()
    settings = {
        "postgres_primary_dsn": new_database(),
        "redis_master_addr": redis,
        **REDIS_SETTINGS,
        "platform": "swarm",
        "docker_host": ",".join(cluster.docker_hosts),
        "docker_network": NETWORK,
        "game_state_root": str(tmp_path / "games"),
        "container_stop_timeout_seconds": "2",
        "default_memory": "32m",
        "default_cpu_quota": "0.1",
        "swarm_reserved_cpu": "0.05",
        "node_interval": "2s",
        "node_concurrency": "12",
        "reconcile_interval": "5s",
        "game_lease_ttl_seconds": "10",
        "game_lease_wait": "20s",
    }
    Path(settings["game_state_root"]).mkdir()
    services: dict[str, RunningService] = {}
    with ExitStack() as running:
        for node in cluster.nodes:
            seat = Seat.on(node, NETWORK, f"seat-on-{node.name}")
            relays.open(seat.namespace, [postgres.port, int(redis.rpartition(":")[2])])
            service = RunningService.of(settings, tmp_path / f"{node.name}.log")
            service.enter = ("dev.swarm.enter", str(seat.namespace))
            relays.publish(seat.namespace, service.port)
            running.callback(service.stop)
            service.start()
            services[node.name] = service
        front = Front(list(services.values()))
        front.start()
        running.callback(front.stop)
        api = running.enter_context(cluster.nodes[0].api())
        served = Environment(
            front,  # type: ignore[arg-type] # of a service only its requests are used
            SwarmContainers(api, [api]),
            settings["postgres_primary_dsn"],
            NETWORK,
            Path(settings["game_state_root"]),
        )
        made = Lab(cluster, services, served)
        made.add_recording_image()
        yield made
