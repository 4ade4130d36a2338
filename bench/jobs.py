"""Start jobs that replay: one at a time on an idle service, and a long queue."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.progress import Progress, track

from bench.environment import BenchEnvironment, bench_environment, console
from bench.figures import Row, cost_by_tenths, per_second, quantile
from bench.sizes import Sizes
from bench.streams import Lobby, redis_alone

MEDIAN_GOAL, P99_GOAL = 0.005, 0.025
RATE_GOAL, RATIO_GOAL = 1_000, 0.25
ALONE_ENTRIES = 20_000
MOST_SECONDS = 110
"""What a queue may take, by the rate of the one before: otherwise it is cut to what fits."""
FLAT = 1.25
"""How much dearer the last tenth may be than the median one for the cost to count as flat."""


def measure(sizes: Sizes) -> Sequence[Row]:
    """Measure single replays, then queues of them, then Redis alone on as many entries."""
    with running_games(sizes.job_games, max(sizes.queues)) as (environment, lobby, games):
        rows = [_single_row(_singles(lobby, games, sizes.singles))]
        alone = redis_alone(lobby.redis, min(max(sizes.queues), ALONE_ENTRIES))
        most = max(sizes.queues)
        for jobs in sizes.queues:
            if most < sizes.queues[0]:
                rows.append(Row(f"{jobs:,} queued replays", "not measured: takes too long"))
                continue
            moments = _queued(environment, lobby, games, min(jobs, most))
            most = int(per_second(moments) * MOST_SECONDS) // 1_000 * 1_000
            rows += _queue_rows(moments, alone, asked=jobs)
    return rows


@contextmanager
def running_games(count: int, jobs: int) -> Iterator[tuple[BenchEnvironment, Lobby, Sequence[str]]]:
    """Run so many real games for the block, on streams that are long enough for the jobs."""
    with bench_environment(redis_stream_maxlen=str(max(100_000, 2 * jobs))) as environment:
        lobby = Lobby(environment.redis_address)
        environment.service.start()
        games = [f"bench-{secrets.token_hex(4)}" for _ in range(count)]
        lobby.queue(games, len(games))
        started = track(lobby.results(count), "Starting games", total=count, console=console)
        failed = [fields for _, fields in started if fields["outcome"] != "success"]
        if failed:
            raise RuntimeError(f"{len(failed)} games did not start, the first: {failed[0]}")
        yield environment, lobby, games
        lobby.redis.close()


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
) -> list[float]:
    """Queue the jobs while the service is down; return the seconds at which results were added."""
    environment.service.stop()
    lobby.queue(games, jobs)
    environment.service.start()
    moments = []
    with Progress(console=console) as progress:
        task = progress.add_task("Queued replays", total=jobs)
        for moment, result in lobby.results(jobs):
            _check_replay(result)
            moments.append(moment / 1000)
            progress.advance(task)
    return moments


def _check_replay(result: dict[str, str], job: str | None = None) -> None:
    if result["error_code"] != "replay_no_op" or result["job_id"] != (job or result["job_id"]):
        raise RuntimeError(f"not the result of a replay: {result}")


def _single_row(taken: Sequence[float]) -> Row:
    median, p99 = quantile(taken, 0.5), quantile(taken, 0.99)
    return Row(
        what=f"XADD to result, {len(taken)} single replays",
        measured=f"median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms",
        goal=f"{MEDIAN_GOAL * 1000:.0f} ms, {P99_GOAL * 1000:.0f} ms",
        is_reached=median <= MEDIAN_GOAL and p99 <= P99_GOAL,
    )


def _queue_rows(moments: Sequence[float], alone: float, *, asked: int) -> Sequence[Row]:
    rate, costs = per_second(moments), cost_by_tenths(moments)
    name = f"{len(moments):,} queued replays"
    if len(moments) < asked:
        name += f" ({asked:,} do not fit into the time)"
    return [
        Row(
            what=name,
            measured=f"{rate:.0f}/s",
            against="XREADGROUP + XACK alone",
            baseline=f"{alone:.0f}/s",
            ratio=f"{rate / alone:.2f}",
            goal=f"{RATE_GOAL}/s or {RATIO_GOAL:g}",
            is_reached=rate >= RATE_GOAL or rate / alone >= RATIO_GOAL,
        ),
        Row(
            what=f"cost per job by tenths, {len(moments):,} replays",
            measured=f"{', '.join(f'{cost * 1000:.2f}' for cost in costs)} ms",
            goal=f"last at most {FLAT:g} of the median",
            is_reached=costs[-1] <= FLAT * quantile(costs, 0.5),
        ),
    ]
