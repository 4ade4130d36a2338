"""What a thousand running games cost while nothing happens: memory, and CPU of the rounds."""

import time
from collections.abc import Sequence

import psycopg

from bench.environment import console
from bench.figures import Row
from bench.fleet_environment import FleetEnvironment, fleet_environment
from bench.sizes import Sizes

MEMORY_GOAL, SHARE_GOAL = 100, 0.03
FIRST_ROUNDS = 20
"""Seconds after which each worker had its first round, which writes what later ones only check."""


def measure(sizes: Sizes) -> Sequence[Row]:
    """Let the service watch running games with its default intervals, and read its use."""
    with fleet_environment(sizes.fleet) as fleet:
        service = fleet.bench.service
        service.start()
        time.sleep(FIRST_ROUNDS)
        fleet.docker_calls()
        used, began = service.cpu_seconds(), time.perf_counter()
        time.sleep(sizes.watched_seconds)
        share = (service.cpu_seconds() - used) / (time.perf_counter() - began)
        calls = ", ".join(f"{name} {count}" for name, count in sorted(fleet.docker_calls().items()))
        console.print(f"Docker calls in {sizes.watched_seconds} s: {calls}")
        _check_all_healthy(fleet, sizes.fleet)
        return [_memory_row(sizes.fleet, service.resident_mib()), _share_row(sizes, share)]


def _check_all_healthy(fleet: FleetEnvironment, games: int) -> None:
    """Raise RuntimeError unless every engine was probed and found healthy."""
    with psycopg.connect(fleet.bench.dsn) as connection:
        statement = "SELECT count(*) FROM engine_health WHERE healthy"
        found = connection.execute(statement).fetchone()
    if found != (games,):
        raise RuntimeError(f"{found} engines are healthy, not {games}")


def _memory_row(games: int, resident: float) -> Row:
    return Row(
        what=f"resident memory with {games:,} runtimes",
        measured=f"{resident:.0f} MiB",
        goal=f"{MEMORY_GOAL} MiB",
        is_reached=resident <= MEMORY_GOAL,
    )


def _share_row(sizes: Sizes, share: float) -> Row:
    return Row(
        what=f"monitoring of {sizes.fleet:,} running games, over {sizes.watched_seconds} s",
        measured=f"{share:.1%} of a core",
        goal=f"{SHARE_GOAL:.0%}",
        is_reached=share <= SHARE_GOAL,
    )
