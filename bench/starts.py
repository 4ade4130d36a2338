"""Starts of real games: one at a time and many at once, against Docker's SDK alone."""

import asyncio
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from rich.progress import track

from bench.docker_alone import DockerAlone
from bench.environment import BenchEnvironment, bench_environment, console
from bench.figures import Row, quantile, ratio, spread
from bench.server_process import NO_TLS
from bench.sizes import Sizes
from bench.streams import IMAGE
from rtmanager.config import Settings

RUNTIMES = "/api/v1/internal/runtimes"
MEDIAN_GOAL, P95_GOAL, RATE_GOAL = 1.05, 0.050, 0.95
ALONE = "Docker's SDK alone"
OF_DOCKER_AND_ENGINE = ("create", "start", "watch_gate")
"""The steps of a start that Docker and the engine take; the rest is the service's own share."""

_STEPS = """
    SELECT step->>'name', (step->>'duration_ms')::float / 1000
    FROM operation_log, jsonb_array_elements(steps) AS step
    WHERE game_id = %s AND kind = 'start'
"""


def measure(sizes: Sizes) -> Sequence[Row]:
    """Start games by the service and by the SDK in turns, then many at once."""
    with bench_environment() as environment:
        environment.service.start()
        with _alone(environment) as alone:
            one_by_one = _one_by_one(environment, alone, sizes.starts)
            many = _at_once(environment, alone, sizes.starts_at_once)
    return [*one_by_one.rows(), many]


@contextmanager
def _alone(environment: BenchEnvironment) -> Iterator[DockerAlone]:
    """Start a first game, which is not measured, and yield who makes containers like its own."""
    record = started(environment, new_game())
    settings = environment.settings
    alone = DockerAlone(
        settings["docker_host"],
        record["current_container_id"],
        Path(settings["game_state_root"]),
        settings["docker_network"],
    )
    with closing(alone):
        alone.start(new_game())
        yield alone


@dataclass(frozen=True)
class OneByOne:
    """The seconds of starts in turns, and of each the service's own share by its steps."""

    ours: Sequence[float]
    theirs: Sequence[float]
    own: Sequence[float]
    steps: Mapping[str, Sequence[float]]

    def rows(self) -> Sequence[Row]:
        """Return the rows of the result."""
        return [self._median(), self._p95(), self._own_share()]

    def _median(self) -> Row:
        times = ratio(self.ours, self.theirs)
        return Row(
            what=f"start, {len(self.ours)} one after the other, median",
            measured=f"{quantile(self.ours, 0.5) * 1000:.0f} ms",
            against=ALONE,
            baseline=f"{quantile(self.theirs, 0.5) * 1000:.0f} ms",
            ratio=f"{times:.2f}",
            goal=f"at most {MEDIAN_GOAL:g}",
            is_reached=times.median <= MEDIAN_GOAL,
        )

    def _p95(self) -> Row:
        more = quantile(self.ours, 0.95) - quantile(self.theirs, 0.95)
        return Row(
            what="start, p95",
            measured=f"{quantile(self.ours, 0.95) * 1000:.0f} ms",
            against=ALONE,
            baseline=f"{quantile(self.theirs, 0.95) * 1000:.0f} ms",
            ratio=f"{more * 1000:+.0f} ms",
            goal=f"at most +{P95_GOAL * 1000:.0f} ms",
            is_reached=more <= P95_GOAL,
        )

    def _own_share(self) -> Row:
        medians = (f"{name} {quantile(each, 0.5) * 1000:.0f}" for name, each in self.steps.items())
        return Row(
            what="start, own share of the service: all but the steps of Docker and the engine",
            measured=(
                f"median {quantile(self.own, 0.5) * 1000:.0f} ms, "
                f"p95 {quantile(self.own, 0.95) * 1000:.0f} ms"
            ),
            against="its steps, medians in ms",
            baseline=", ".join(medians),
            goal=f"p95 {P95_GOAL * 1000:.0f} ms",
            is_reached=quantile(self.own, 0.95) <= P95_GOAL,
        )


def _one_by_one(environment: BenchEnvironment, alone: DockerAlone, starts: int) -> OneByOne:
    ours, theirs, own = [], [], []
    steps: dict[str, list[float]] = {}
    for _ in track(range(starts), "Starts in turns", console=console):
        game = new_game()
        began = time.perf_counter()
        started(environment, game)
        ours.append(time.perf_counter() - began)
        theirs.append(alone.start(new_game()))
        took = _steps(environment.dsn, game)
        own.append(ours[-1] - sum(took[name] for name in OF_DOCKER_AND_ENGINE))
        for name, seconds in took.items():
            steps.setdefault(name, []).append(seconds)
    return OneByOne(ours, theirs, own, steps)


def _steps(dsn: str, game: str) -> dict[str, float]:
    """Return the seconds of each step of the game's start."""
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute(_STEPS, [game]).fetchall())


def _at_once(environment: BenchEnvironment, alone: DockerAlone, starts: int) -> Row:
    """Start half of them by the SDK, all by the service, and the other half by the SDK."""
    threads = int(Settings.model_fields["docker_start_concurrency"].default)  # as the service's
    half = starts // 2
    console.print(f"{starts} starts at once, {threads} by the SDK")
    seconds = [alone.start_all([new_game() for _ in range(half)], threads)]
    ours = starts / asyncio.run(_start_all(environment, starts))
    seconds.append(alone.start_all([new_game() for _ in range(starts - half)], threads))
    theirs = [half / seconds[0], (starts - half) / seconds[1]]
    reached = ours * sum(seconds) / starts
    return Row(
        what=f"{starts} starts at once, none may fail",
        measured=f"{ours:.2f}/s",
        against=f"{ALONE}, {threads} threads",
        baseline=f"{spread(theirs):.2f}/s",
        ratio=f"{reached:.2f}",
        goal=f"at least {RATE_GOAL:g}",
        is_reached=reached >= RATE_GOAL,
    )


async def _start_all(environment: BenchEnvironment, starts: int) -> float:
    """Return the seconds from the first request to the last answer."""
    limits = httpx.Limits(max_connections=None)
    url = environment.service.url
    async with httpx.AsyncClient(base_url=url, verify=NO_TLS, limits=limits, timeout=300) as client:
        paths = [f"{RUNTIMES}/{new_game()}/start" for _ in range(starts)]
        began = time.perf_counter()
        answers = await asyncio.gather(
            *(client.post(path, json={"image_ref": IMAGE}) for path in paths)
        )
        seconds = time.perf_counter() - began
    for answer in answers:
        _check_runs(answer)
    return seconds


def started(environment: BenchEnvironment, game: str) -> Mapping[str, str]:
    """Start a game by the service and return its record; raises RuntimeError when it fails."""
    url = f"{environment.service.url}{RUNTIMES}/{game}/start"
    answer = httpx.post(url, json={"image_ref": IMAGE}, verify=NO_TLS, timeout=60)
    return _check_runs(answer)


def _check_runs(answer: httpx.Response) -> Mapping[str, str]:
    """Return the record; raise RuntimeError when the game does not run."""
    if answer.is_error or answer.json()["status"] != "running":
        raise RuntimeError(f"a start was answered with {answer.status_code} {answer.text}")
    record: Mapping[str, str] = answer.json()
    return record


def new_game() -> str:
    """Return an id that no game has."""
    return f"bench-{secrets.token_hex(6)}"
