"""What operators' pages cost with many games: `python -m bench.operators --games 1000`."""

import argparse
import asyncio
import itertools
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import psutil
import psycopg

from bench.environment import BenchEnvironment, bench_environment, console
from bench.fleet import ROWS_ONLY, change_health, insert_fleet
from bench.open_pages import EVENTS, LIST, open_pages, real_page, row_changed_at
from bench.server_process import ServerProcess
from bench.streams import IMAGE

OPERATOR, RUNTIMES = "/api/v1/operator", "/api/v1/internal/runtimes"
REAL_GAMES = 6
FETCHES, CHANGES = 20, 30
_MEGABYTE = 1 << 20


def main() -> None:
    """Run the benchmark and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=1_000, help="games in the database")
    parser.add_argument("--pages", type=int, default=100, help="open pages")
    parser.add_argument("--seconds", type=float, default=20, help="time of each measurement of CPU")
    asked = parser.parse_args()
    with bench_environment(**ROWS_ONLY) as environment:
        service = environment.service
        service.start()
        games = insert_fleet(environment.dsn, asked.games)
        console.print(f"{asked.games} games, load {psutil.getloadavg()[0]:.1f}")
        asyncio.run(_measure(environment, games, asked.pages, asked.seconds))


async def _measure(
    environment: BenchEnvironment, games: Sequence[str], pages: int, seconds: float
) -> None:
    service = environment.service
    await _answers(service, games[0])
    await _events(environment, games)
    use = _Use(service.pid, seconds)
    await use.show("no page, nothing happens")
    async with _operations(service):
        await use.show("no page, an operation a second")
    began = use.cpu()
    async with open_pages(service.url, pages) as opened:
        console.print(
            f"{pages} pages opened: {(use.cpu() - began) * 1000 / pages:.0f} ms of CPU each"
        )
        await use.show(f"{pages} pages, nothing happens")
        async with _operations(service):
            before = [(each.events, each.fetches) for each in opened]
            await use.show(f"{pages} pages, an operation a second")
        got = [
            (page.events - events, page.fetches - fetches)
            for page, (events, fetches) in zip(opened, before, strict=True)
        ]
        console.print(
            f"  each page: {statistics.mean(events for events, _ in got):.0f} events, "
            f"{statistics.mean(fetches for _, fetches in got):.0f} fetches of rows"
        )


class _Use:
    """The CPU time and the memory of the service."""

    def __init__(self, pid: int, seconds: float) -> None:
        self._process, self._seconds = psutil.Process(pid), seconds

    def cpu(self) -> float:
        """Return the seconds of CPU that were used so far."""
        times = self._process.cpu_times()
        return times.user + times.system

    async def show(self, name: str) -> None:
        """Measure for some seconds, and print."""
        began, at = self.cpu(), time.perf_counter()
        await asyncio.sleep(self._seconds)
        share = (self.cpu() - began) / (time.perf_counter() - at)
        memory = self._process.memory_info().rss / _MEGABYTE
        console.print(f"{name}: {share:.1%} of a core, {memory:.0f} MB")


async def _answers(service: ServerProcess, game: str) -> None:
    """Print how long the answers take, one after the other, and the CPU of the service."""
    use = _Use(service.pid, 0)
    paths = {
        "list page": LIST,
        "all games": f"{OPERATOR}/runtimes",
        "metrics": "/metrics",
        "health of all": f"{OPERATOR}/health",
        "explain": f"{OPERATOR}/runtimes/{game}/explain",
        "page of operations": f"{OPERATOR}/operations",
        "one record": f"{RUNTIMES}/{game}",
    }
    async with httpx.AsyncClient(base_url=service.url, timeout=60) as client:
        for name, path in paths.items():
            await client.get(path)
            taken, used = [], 0.0
            for _ in range(FETCHES):
                # The text of the metrics is shared for a second.
                await asyncio.sleep(1.01 if name == "metrics" else 0)
                at, began = time.perf_counter(), use.cpu()
                answer = await client.get(path)
                taken.append(time.perf_counter() - at)
                used += use.cpu() - began
                answer.raise_for_status()
            console.print(
                f"{name}: median {statistics.median(taken) * 1000:.1f} ms, "
                f"max {max(taken) * 1000:.1f} ms, "
                f"{used * 1000 / FETCHES:.1f} ms of CPU, "
                f"{len(answer.content) / 1024:.0f} KiB"
            )


async def _events(environment: BenchEnvironment, games: Sequence[str]) -> None:
    """Print the time from a commit to the event, and to the changed row of a page."""
    at_stream, at_page = [], []
    service = environment.service
    async with real_page(service.url) as page, _subscribed(service) as events:
        with psycopg.connect(environment.dsn) as connection:
            for game in games[:CHANGES]:
                began = time.time()
                await asyncio.to_thread(change_health, connection, game)
                at_stream.append(await anext(events) - began)
                at_page.append(await row_changed_at(page, game) - began)
                await asyncio.sleep(0.3)
    for name, taken in (("subscriber", at_stream), ("row of a page", at_page)):
        console.print(
            f"commit to {name}: median {statistics.median(taken) * 1000:.0f} ms, "
            f"max {max(taken) * 1000:.0f} ms"
        )


@asynccontextmanager
async def _subscribed(service: ServerProcess) -> AsyncIterator[AsyncIterator[float]]:
    """Follow the events for the block, and yield the time of each."""
    async with (
        httpx.AsyncClient(base_url=service.url, timeout=60) as client,
        client.stream("GET", EVENTS) as answer,
    ):
        lines = answer.aiter_lines()
        await anext(line async for line in lines if line == "event: ready")
        yield (time.time() async for line in lines if line == "event: health")


@asynccontextmanager
async def _operations(service: ServerProcess) -> AsyncIterator[None]:
    """Start, and then stop and start, real games for the block: an operation begins each second."""
    games = [f"bench-{secrets.token_hex(4)}" for _ in range(REAL_GAMES)]
    async with (
        httpx.AsyncClient(base_url=service.url, timeout=60) as client,
        asyncio.TaskGroup() as running,
    ):
        for game in games:
            await _act(client, game, "start")
        going = running.create_task(_one_a_second(client, games, running))
        yield
        going.cancel()


async def _one_a_second(
    client: httpx.AsyncClient, games: Sequence[str], running: asyncio.TaskGroup
) -> None:
    for number in itertools.count():
        game, verb = games[number % len(games)], ("stop", "start")[number // len(games) % 2]
        running.create_task(_act(client, game, verb))
        await asyncio.sleep(1)


async def _act(client: httpx.AsyncClient, game: str, verb: str) -> None:
    body = {"image_ref": IMAGE} if verb == "start" else {"reason": "finished"}
    answer = await client.post(f"{RUNTIMES}/{game}/{verb}", json=body)
    if answer.is_error:
        raise RuntimeError(f"{verb}: {answer.status_code} {answer.text}")


if __name__ == "__main__":
    main()
