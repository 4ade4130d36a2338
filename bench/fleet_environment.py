"""A service with a thousand running games whose containers and engines are stand-ins."""

import json
import math
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx

from bench.environment import BenchEnvironment, bench_environment
from bench.fleet import fleet_games, insert_running
from bench.server_process import NO_TLS, ServerProcess

NETWORK = "galaxy"


@dataclass(frozen=True)
class FleetEnvironment:
    """The environment, and the fake Docker that its service uses."""

    bench: BenchEnvironment
    docker: ServerProcess

    def docker_calls(self, until: float = math.inf) -> Mapping[str, int]:
        """Return how often each call of Docker was made since this was asked last.

        Calls after `until`, in seconds since the epoch, are not counted, and forgotten.
        """
        calls = httpx.get(f"{self.docker.url}/calls", verify=NO_TLS).json()
        return Counter(name for name, at in calls if at <= until)

    def reconciled_at(self) -> float:
        """Return when the last start-up had reconciled everything, by the service's log."""
        lines = (json.loads(line) for line in self.bench.service.log.splitlines())
        times = [line["timestamp"] for line in lines if line["event"] == "reconciled"]
        return datetime.fromisoformat(times[-1]).timestamp()


@contextmanager
def fleet_environment(games: int) -> Iterator[FleetEnvironment]:
    """Prepare records and containers of running games; the service is migrated, not started."""
    directory = Path(tempfile.mkdtemp(prefix="galaxy-bench-"))
    docker = _fake_docker(directory, games)
    try:
        docker.start()
        host = f"unix://{directory / 'docker.sock'}"
        with bench_environment(host, docker_network=NETWORK) as environment:
            environment.service.start()  # it makes the tables
            environment.service.stop()
            insert_running(environment.dsn, games)
            fleet = FleetEnvironment(environment, docker)
            fleet.docker_calls()
            yield fleet
    finally:
        docker.stop()
        shutil.rmtree(directory)


def _fake_docker(directory: Path, games: int) -> ServerProcess:
    variables = {
        "BENCH_FLEET": " ".join(fleet_games(games)),
        "BENCH_SOCKET": str(directory / "docker.sock"),
        "BENCH_PORT": "{port}",
        # Of the loopback network, which nothing else uses.
        "BENCH_BLOCK": str(1 + secrets.randbelow(254)),
    }
    return ServerProcess("docker", ["bench.fakes.docker_host"], variables, directory / "log")
