"""What it costs to watch many running engines: `python -m bench.supervision --games 1000`.

Docker and the engines are stand-ins (`bench.fake_docker`); Postgres, Redis and the service are as
in production. Probes, inspections and reconciliation run at their default intervals.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from bench.environment import BenchEnvironment, bench_environment, console
from bench.fleet import insert_fleet
from tests.support.running_service import RunningService

NETWORK = "galaxy-bench"
_MEGABYTE = 1 << 20
_ALL_RUN = """
    UPDATE runtime_records SET
        status = 'running', stopped_at = NULL, removed_at = NULL,
        current_container_id = encode(sha256(game_id::bytea), 'hex')
"""


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=1_000, help="running engines")
    parser.add_argument("--seconds", type=float, default=60, help="time of the measurement")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="galaxy-bench-") as directory:
        socket = Path(directory) / "docker.sock"
        settings = {"docker_host": f"unix://{socket}", "docker_network": NETWORK}
        with bench_environment(**settings) as environment:
            games = _fleet(environment, socket, asked.games)
            with fake_docker(socket, games):
                environment.service.start()
                _show(environment.service, asked.games, asked.seconds)


def _fleet(environment: BenchEnvironment, socket: Path, games: int) -> Sequence[str]:
    """Fill the database, which the service migrates at its first start."""
    service = environment.service
    with fake_docker(socket, []):
        service.start()
        service.stop()
    dsn = service.variables["RTMANAGER_POSTGRES_PRIMARY_DSN"]
    insert_fleet(dsn, games)
    with psycopg.connect(dsn) as connection:
        connection.execute(_ALL_RUN)
        found = connection.execute("SELECT game_id FROM runtime_records").fetchall()
    return [game for (game,) in found]


@contextmanager
def fake_docker(socket: Path, games: Sequence[str]) -> Iterator[None]:
    """Show the games' containers on the socket for the block."""
    socket.unlink(missing_ok=True)
    names = socket.with_name("games")
    names.write_text("\n".join(games), encoding="utf-8")
    command = [sys.executable, "-m", "bench.fake_docker", str(socket), NETWORK, str(names)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            if not process.stdout.readline():
                raise RuntimeError("the stand-in for Docker has not started")
            yield
        finally:
            process.kill()


def _show(service: RunningService, games: int, seconds: float) -> None:
    """Measure once the first rounds are over, in which everything is inspected."""
    time.sleep(min(20.0, seconds))
    process = psutil.Process(service.pid)
    began, at = process.cpu_times(), time.perf_counter()
    time.sleep(seconds)
    ended, taken = process.cpu_times(), time.perf_counter() - at
    used = ended.user + ended.system - began.user - began.system
    memory = process.memory_full_info()
    console.print(
        f"{games} engines: {used / taken:.1%} of a core, {memory.rss / _MEGABYTE:.0f} MiB "
        f"(of its own {memory.uss / _MEGABYTE:.0f}), load {psutil.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
