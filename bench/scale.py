"""What a large Swarm costs its leader: `python -m bench.scale --nodes 200 --games 20000`."""

import argparse
import asyncio
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.environment import BenchEnvironment, bench_environment, console
from bench.fakes.swarm_objects import NETWORK
from bench.fleet import insert_running
from bench.machine import load
from bench.server_process import ServerProcess
from rtmanager.adapters.postgres.migrate import migrate

HEADING = (
    "| round | takes | CPU | nothing else for | memory, at most | memory after |",
    "|---|---|---|---|---|---|",
)
TIMEOUT = "60s"
"""Deadline of a call: the lists of a large Swarm take their time."""


def main() -> None:
    """Measure, and print the table of docs/scale.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=200)
    parser.add_argument("--games", type=int, default=20_000)
    asked = parser.parse_args()
    busy = load()
    console.print(f"{asked.games:,} games on {asked.nodes} nodes, load {busy:.1f}")
    for line in HEADING:
        console.print(line)
    with large_swarm(asked.nodes, asked.games) as environment:
        for each in _rounds(environment):
            console.print(_row(each))


@contextmanager
def large_swarm(nodes: int, games: int) -> Iterator[BenchEnvironment]:
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
            yield environment
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


def _row(measured: Mapping[str, Any]) -> str:
    name = f"{measured['round']}{', again' if measured['again'] else ''}"
    return (
        f"| {name} | {measured['seconds']:.1f} s | {measured['cpu']:.1f} s "
        f"| {measured['stall'] * 1000:.0f} ms | {measured['peak']} MiB "
        f"| {measured['resident']} MiB |"
    )


if __name__ == "__main__":
    main()
