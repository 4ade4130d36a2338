"""How fast replayed start jobs are answered: `python -m bench.jobs --jobs 100000`."""

import argparse
import secrets
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.progress import Progress, track

from bench.environment import BenchEnvironment, bench_environment, console
from bench.streams import Lobby, redis_alone

TENTH = 10


@dataclass(frozen=True)
class Figures:
    """The result: the seconds of single jobs, the clock in ms at each result of the queue."""

    singles: Sequence[float]
    moments: Sequence[int]
    alone_per_second: float

    @property
    def per_second(self) -> float:
        """Return jobs per second over the whole queue."""
        return _rate(self.moments)

    def show(self) -> None:
        """Print the figures for the table in docs/benchmarks.md."""
        ordered = sorted(self.singles)
        median, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        size = max(2, len(self.moments) // TENTH)
        middle = (len(self.moments) - size) // 2
        parts = {
            "first": self.moments[:size],
            "middle": self.moments[middle : middle + size],
            "last": self.moments[-size:],
        }
        console.print(f"XADD to result, {len(ordered)} single replays:")
        console.print(f"  median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")
        console.print(f"{len(self.moments)} queued replays: {self.per_second:.0f} jobs/s")
        for name, moments in parts.items():
            console.print(f"  {name} tenth: {1000 / _rate(moments):.2f} ms per job")
        console.print(f"Redis XREADGROUP + XACK alone: {self.alone_per_second:.0f} entries/s")
        console.print(f"ratio: {self.per_second / self.alone_per_second:.3f}")


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000, help="queued replays")
    parser.add_argument("--games", type=int, default=50, help="games to start")
    parser.add_argument("--singles", type=int, default=1_000, help="jobs sent one at a time")
    asked = parser.parse_args()
    with bench_environment(redis_stream_maxlen=str(max(100_000, 2 * asked.jobs))) as environment:
        lobby = Lobby(environment.redis_address)
        environment.service.start()
        games = [f"bench-{secrets.token_hex(4)}" for _ in range(asked.games)]
        _run_games(lobby, games)
        singles = _singles(lobby, games, asked.singles)
        moments = _queued(environment, lobby, games, asked.jobs)
        Figures(singles, moments, redis_alone(lobby.redis, asked.jobs)).show()
        lobby.redis.close()


def _run_games(lobby: Lobby, games: Sequence[str]) -> None:
    lobby.queue(games, len(games))
    results = track(lobby.results(len(games)), "Starting games", total=len(games), console=console)
    failed = [fields for _, fields in results if fields["outcome"] != "success"]
    if failed:
        raise RuntimeError(f"{len(failed)} games did not start, the first: {failed[0]}")


def _singles(lobby: Lobby, games: Sequence[str], count: int) -> list[float]:
    """Return the seconds from sending each job to having its result, one job at a time."""
    taken = []
    for number in track(range(count), "Single replays", console=console):
        began = time.perf_counter()
        job = lobby.start(games[number % len(games)])
        ((_, result),) = lobby.results(1)
        taken.append(time.perf_counter() - began)
        _check_replay(result, job)
    return taken


def _queued(
    environment: BenchEnvironment, lobby: Lobby, games: Sequence[str], jobs: int
) -> list[int]:
    """Queue the jobs while the service is down; return the time at which each result was added."""
    environment.service.stop()
    lobby.queue(games, jobs)
    environment.service.start()
    moments = []
    with Progress(console=console) as progress:
        task = progress.add_task("Queued replays", total=jobs)
        for moment, result in lobby.results(jobs):
            _check_replay(result)
            moments.append(moment)
            progress.advance(task)
    return moments


def _check_replay(result: dict[str, str], job: str | None = None) -> None:
    if result["error_code"] != "replay_no_op" or result["job_id"] != (job or result["job_id"]):
        raise RuntimeError(f"not the result of a replay: {result}")


def _rate(moments: Sequence[int]) -> float:
    """Return results per second; the moments are in milliseconds."""
    return (len(moments) - 1) * 1000 / max(1, moments[-1] - moments[0])


if __name__ == "__main__":
    main()
