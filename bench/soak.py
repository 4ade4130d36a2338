"""Memory over time, with a thousand runtimes and 100 operations a minute: `python -m bench.soak`.

The operations are real ones of the service, on the fake Docker: a real one would be the limit, and
what is looked for is memory that only grows. A list of all games is read every minute too.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice

import httpx

from bench.environment import console
from bench.figures import quantile
from bench.fleet_environment import fleet_environment
from bench.machine import load
from bench.server_process import NO_TLS, ServerProcess

RUNTIMES = "/api/v1/internal/runtimes"
FLEET, GAMES = 1_000, 20
PAUSE = 0.6
GROWTH_GOAL = 5
"""MiB that the median of the last third of the minutes may be above that of the second third."""


@dataclass(frozen=True)
class Step:
    """One operation on a game, and the status that answers it."""

    method: str
    path: str
    status: int
    body: dict[str, str] | None = None


_START = Step("POST", "start", 200, {"image_ref": "galaxy/game:1.4.7"})
_PATCH = Step("POST", "patch", 200, {"image_ref": "galaxy/game:1.4.8"})
LIFE = (
    *(_START, _START, Step("POST", "restart", 200), _PATCH, _PATCH),
    *(Step("POST", "stop", 200, {"reason": "finished"}), Step("DELETE", "container", 200)),
    Step("POST", "patch", 409, _PATCH.body),
)
"""What happens to a game, again and again; two of the steps are replays, one is refused."""


@dataclass
class Soak:
    """Runs the operations, counts them, and keeps what was answered otherwise than expected."""

    client: httpx.AsyncClient
    done: int = 0
    failures: list[str] = field(default_factory=list)

    async def run(self, step: Step, game: str) -> None:
        """Run one operation and check its answer."""
        path = f"{RUNTIMES}/{game}/{step.path}"
        answer = await self.client.request(step.method, path, json=step.body)
        self.done += 1
        if answer.status_code != step.status:
            self.failures.append(f"{step.path} of {game}: {answer.status_code} {answer.text}")


def main() -> None:
    """Soak for the minutes that were asked for; exit 1 when memory grew or an answer was wrong."""
    parser = argparse.ArgumentParser("bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=60)
    minutes = parser.parse_args().minutes
    with fleet_environment(FLEET) as fleet:
        service = fleet.bench.service
        service.start()
        resident = asyncio.run(_soak(service, minutes))
    sys.exit(0 if _is_flat(resident) else "the memory grows")


async def _soak(service: ServerProcess, minutes: int) -> Sequence[float]:
    """Return the resident memory in MiB after every minute; raise RuntimeError at a failure."""
    async with httpx.AsyncClient(base_url=service.url, verify=NO_TLS, timeout=60) as client:
        soak = Soak(client)
        resident: list[float] = []
        async with _operations(soak):
            while len(resident) < minutes and not soak.failures:
                resident.append(await _minute(soak, service, len(resident) + 1))
    if soak.failures:
        raise RuntimeError(f"{len(soak.failures)} failures, the first: {soak.failures[0]}")
    return resident


async def _minute(soak: Soak, service: ServerProcess, number: int) -> float:
    """Wait for a minute, read the list of all games, and return the memory."""
    used, done = service.cpu_seconds(), soak.done
    await asyncio.sleep(60)
    (await soak.client.get(RUNTIMES)).raise_for_status()
    resident, share = service.resident_mib(), (service.cpu_seconds() - used) / 60
    console.print(
        f"minute {number}: {resident:.1f} MiB, {soak.done - done} operations, "
        f"{len(soak.failures)} failures, {share:.1%} of a core, load {load():.1f}"
    )
    return resident


@asynccontextmanager
async def _operations(soak: Soak) -> AsyncIterator[None]:
    """Begin operations for the block; each has long ended when the next one of its game begins."""
    async with asyncio.TaskGroup() as running:
        going = running.create_task(_begin_all(soak, running))
        yield
        going.cancel()


async def _begin_all(soak: Soak, running: asyncio.TaskGroup) -> None:
    due = time.monotonic()
    for step, game in _operations_in_order():
        running.create_task(soak.run(step, game))
        due += PAUSE
        await asyncio.sleep(max(0.0, due - time.monotonic()))


def _operations_in_order() -> Iterator[tuple[Step, str]]:
    games = [f"soak-{number:02}" for number in range(GAMES)]
    while True:
        yield from ((step, game) for step in LIFE for game in games)


def _is_flat(resident: Sequence[float]) -> bool:
    """Print the growth from the second to the last third, and return whether that is little."""
    third = max(1, len(resident) // 3)
    middle = quantile(list(islice(resident, third, 2 * third)) or resident, 0.5)
    growth = quantile(resident[-third:], 0.5) - middle
    console.print(f"from the second third to the last: {growth:+.1f} MiB (goal: {GROWTH_GOAL})")
    return growth <= GROWTH_GOAL


if __name__ == "__main__":
    main()
