"""What a large Swarm costs its leader: `python -m bench.scale --nodes 200 --games 20000`."""

import argparse
import asyncio
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg

from bench.environment import BenchEnvironment, bench_environment, console
from bench.fakes.swarm_objects import NETWORK
from bench.fleet import insert_running
from bench.machine import load
from bench.server_process import NO_TLS, ServerProcess
from rtmanager.adapters.postgres.migrate import migrate

HEADING = (
    "| round | takes | CPU | nothing else for | memory, at most | memory after |",
    "|---|---|---|---|---|---|",
)
READY_WITHIN = 120.0
FIRST_ROUNDS = 30.0
"""Seconds after which each worker has had its first round."""
ENDING = ("fleet-00100", "fleet-00200", "fleet-00300")
NOTICED_WITHIN = 120.0
_STATUS: LiteralString = "SELECT status FROM runtime_records WHERE game_id = %s"
TIMEOUT = "60s"
"""Deadline of a call: the lists of a large Swarm take their time."""


def main() -> None:
    """Measure, and print the table of docs/scale.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--games", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60, help="for which the service runs")
    asked = parser.parse_args()
    busy = load()
    console.print(f"{asked.games:,} games on {asked.nodes} nodes, load {busy:.1f}")
    for line in HEADING:
        console.print(line)
    with large_swarm(asked.nodes, asked.games) as (environment, manager):
        for each in _rounds(environment):
            console.print(_row(each))
        _serve(environment, manager, asked.seconds)


@contextmanager
def large_swarm(nodes: int, games: int) -> Iterator[tuple[BenchEnvironment, ServerProcess]]:
    """Prepare the records of running games, and a fake manager that shows their services."""
    directory = Path(tempfile.mkdtemp(prefix="galaxy-bench-"))
    variables = {
        "BENCH_GAMES": str(games),
        "BENCH_NODES": str(nodes),
        "BENCH_SOCKET": str(directory / "swarm.sock"),
        "BENCH_PORT": "{port}",
        # Of the loopback network, which nothing else uses.
        "BENCH_BLOCK": str(1 + secrets.randbelow(254)),
    }
    manager = ServerProcess("swarm", ["bench.fakes.swarm_manager"], variables, directory / "log")
    try:
        manager.start()
        settings = {"docker_network": NETWORK, "platform": "swarm", "docker_timeout": TIMEOUT}
        with bench_environment(f"unix://{directory / 'swarm.sock'}", **settings) as environment:
            asyncio.run(migrate(environment.dsn))
            insert_running(environment.dsn, games)
            yield environment, manager
    finally:
        manager.stop()
        shutil.rmtree(directory)


def _rounds(environment: BenchEnvironment) -> Iterator[Mapping[str, Any]]:
    """Run the rounds in a process of their own, and yield what it measures."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.scale_rounds"],
        env=environment.service.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout or ():
            yield json.loads(line)
    if process.returncode:
        raise RuntimeError(f"bench.scale_rounds ended with {process.returncode}")


def _serve(environment: BenchEnvironment, manager: ServerProcess, seconds: float) -> None:
    """Let the service run with its default intervals, and print what it uses and notices."""
    service = environment.service
    service.ready_within = READY_WITHIN
    console.print(f"start-up until the first answer: {service.start():.1f} s")
    time.sleep(FIRST_ROUNDS)
    used, began = service.cpu_seconds(), time.perf_counter()
    time.sleep(seconds)
    share = (service.cpu_seconds() - used) / (time.perf_counter() - began)
    console.print(f"the leader, over {seconds:g} s: {share:.0%} of a core")
    noticed = sorted(_noticed(environment, manager, game) for game in ENDING)
    console.print(f"an engine's end is recorded after {noticed[0]:.1f} to {noticed[-1]:.1f} s")
    status = Path(f"/proc/{service.pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    console.print(
        f"its memory: {service.resident_mib():.0f} MiB, {int(peak.split()[1]) >> 10} at most"
    )


def _noticed(environment: BenchEnvironment, manager: ServerProcess, game: str) -> float:
    """Let the engine of a game end; return the seconds until its record says so."""
    began = time.perf_counter()
    httpx.post(f"{manager.url}/end", params={"game": game}, verify=NO_TLS).raise_for_status()
    with psycopg.connect(environment.dsn, autocommit=True) as connection:
        while time.perf_counter() - began < NOTICED_WITHIN:
            found = connection.execute(_STATUS, [game]).fetchone()
            if found != ("running",):
                return time.perf_counter() - began
            time.sleep(0.05)
    raise RuntimeError(f"the end of {game} was not noticed within {NOTICED_WITHIN:g} s")


def _row(measured: Mapping[str, Any]) -> str:
    name = f"{measured['round']}{', again' if measured['again'] else ''}"
    return (
        f"| {name} | {measured['seconds']:.1f} s | {measured['cpu']:.1f} s "
        f"| {measured['stall'] * 1000:.0f} ms | {measured['peak']} MiB "
        f"| {measured['resident']} MiB |"
    )


if __name__ == "__main__":
    main()
