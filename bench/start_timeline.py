"""Every call of a start, one line each: `python -m bench.start_timeline --games 20`.

The service runs in this process, without its HTTP server. For each game the same container is also
created and started through the Docker SDK alone, in turns.
"""

import argparse
import asyncio
import logging
import secrets
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

import docker
import psutil

from bench.environment import bench_environment, console
from bench.streams import IMAGE
from rtmanager.bootstrap.composition import assemble
from rtmanager.bootstrap.service import Service, ShutdownDeadline
from rtmanager.bootstrap.use_cases import Ports
from rtmanager.config import Settings
from rtmanager.domain.container import container_name
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Origin, StopReason

WATCHED = ("records", "journal", "leases", "host", "probe", "directories")
SHUTDOWN_SECONDS = 30
WARM_UP = 3

# Of the tasks of one request only: what the service's workers do meanwhile is not its.
_is_watched = ContextVar("is_watched", default=False)

Moment = tuple[str, float, float]
"""The name of a call, and when it began and ended, in milliseconds since the request."""


@dataclass
class Timeline:
    """The calls of the present request."""

    began: float = 0.0
    calls: list[Moment] = field(default_factory=list)

    def begin(self) -> None:
        """Forget what was noted, and count from now."""
        self.began, self.calls = time.perf_counter(), []

    @contextmanager
    def noted(self, name: str) -> Iterator[None]:
        """Note the block."""
        since = self.now()
        try:
            yield
        finally:
            if _is_watched.get():
                self.calls.append((name, since, self.now()))

    def now(self) -> float:
        """Return the milliseconds since the request."""
        return (time.perf_counter() - self.began) * 1000


class Watched:
    """A proxy that notes each call of a port."""

    def __init__(self, port: object, name: str, timeline: Timeline) -> None:
        self._port, self._name, self._timeline = port, name, timeline

    def __getattr__(self, name: str) -> Any:
        found, shown = getattr(self._port, name), f"{self._name}.{name}"
        if iscoroutinefunction(found):
            return partial(self._call, found, shown)
        return partial(self._hold, found, shown) if name in {"hold", "turn"} else found

    async def _call(self, method: Callable[..., Any], name: str, *given: Any, **more: Any) -> Any:
        with self._timeline.noted(name):
            return await method(*given, **more)

    @asynccontextmanager
    async def _hold(
        self,
        method: Callable[..., AbstractAsyncContextManager[Any]],
        name: str,
        *given: Any,
        **more: Any,
    ) -> AsyncIterator[Any]:
        """Note how long entering takes, and leaving."""
        block = method(*given, **more)
        with self._timeline.noted(f"{name} (enter)"):
            held = await block.__aenter__()
        try:
            yield held
        finally:
            with self._timeline.noted(f"{name} (leave)"):
                await block.__aexit__(None, None, None)


def watched(ports: Ports, timeline: Timeline) -> Ports:
    """Return the ports with their calls noted."""
    known = {each.name: getattr(ports, each.name) for each in fields(ports)}
    proxies: dict[str, Any] = {name: Watched(known[name], name, timeline) for name in WATCHED}
    return replace(ports, **proxies)


def main() -> None:
    """Run the starts, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=int, default=20, help="games to start, one at a time")
    asked = parser.parse_args()
    logging.disable()
    with bench_environment() as environment:
        # Nothing listens there.
        address = {"RTMANAGER_INTERNAL_HTTP_ADDR": "127.0.0.1:0"}
        asyncio.run(_measure({**environment.service.variables, **address}, asked.games))


async def _measure(variables: Any, games: int) -> None:
    settings, timeline = Settings.from_environment(variables), Timeline()
    service = assemble(settings, wrap=lambda ports: watched(ports, timeline))
    async with service.open(ShutdownDeadline(SHUTDOWN_SECONDS)):
        kinds: dict[OperationKind, list[Sequence[Moment]]] = defaultdict(list)
        alone, cpu = [], 0.0
        for number in range(WARM_UP + games):
            game, before = GameId(f"line-{secrets.token_hex(4)}"), time.process_time()
            for kind in (OperationKind.START, OperationKind.STOP):
                await _run(service, timeline, kind, game)
                if number >= WARM_UP:
                    kinds[kind].append(timeline.calls)
            cpu += time.process_time() - before if number >= WARM_UP else 0.0
            taken = await asyncio.to_thread(start_alone, settings.docker_host, game)
            if number >= WARM_UP:
                alone.append(taken)
    for kind, found in kinds.items():
        _show(kind, found)
    console.print(
        f"SDK alone: median {statistics.median(alone):.0f} ms; a start and a stop take "
        f"{cpu * 1000 / games:.0f} ms of this process's CPU; load {psutil.getloadavg()[0]:.1f}"
    )


async def _run(service: Service, timeline: Timeline, kind: OperationKind, game: GameId) -> None:
    is_start = kind is OperationKind.START
    request = OperationRequest(
        game_id=game,
        kind=kind,
        origin=Origin(OpSource.ADMIN_REST, secrets.token_hex(8)),
        image_ref=IMAGE if is_start else None,
        reason=None if is_start else StopReason.FINISHED,
    )
    timeline.begin()
    _is_watched.set(True)
    await service.use_cases.operations.run(request)
    timeline.calls.append(("answered", timeline.now(), timeline.now()))


def start_alone(host: str, game: GameId) -> float:
    """Create and start what the stopped container is once more; return the milliseconds."""
    sdk: Any = docker.APIClient(base_url=host, version="1.41")
    name = container_name(game)
    shown = sdk.inspect_container(name)
    # Without labels: the service would remove it, or adopt it.
    config = shown["Config"] | {"HostConfig": shown["HostConfig"], "Labels": {}}
    began = time.perf_counter()
    made = sdk.create_container_from_config(config, f"alone-{name}")["Id"]
    sdk.start(made)
    taken = (time.perf_counter() - began) * 1000
    sdk.remove_container(made, force=True)
    sdk.close()
    return taken


def _show(kind: OperationKind, found: Sequence[Sequence[Moment]]) -> None:
    """Print the calls of most requests of one kind, each with the medians of its times."""
    shapes: dict[tuple[str, ...], list[Sequence[Moment]]] = defaultdict(list)
    for calls in found:
        in_order = sorted(calls, key=lambda each: each[1])
        shapes[tuple(name for name, _, _ in in_order)].append(in_order)
    usual = max(shapes, key=lambda shape: len(shapes[shape]))
    console.print(f"{kind}: {len(shapes[usual])} of {len(found)} made these calls")
    for index, name in enumerate(usual):
        began = statistics.median(calls[index][1] for calls in shapes[usual])
        took = statistics.median(calls[index][2] - calls[index][1] for calls in shapes[usual])
        console.print(f"  {began:7.1f} + {took:6.1f} ms  {name}")
    answered = sorted(calls[-1][1] for calls in found)
    console.print(f"  all: median {statistics.median(answered):.1f} ms, max {answered[-1]:.1f} ms")


if __name__ == "__main__":
    main()
