"""The rounds of the leader on a large Swarm, one after the other: `python -m bench.scale_rounds`.

A process of its own, with the settings of the service in its environment. Prints a line of JSON for
each round: how long it took, its CPU time, for how long the event loop could not do anything else,
and the most memory that the process had.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from rtmanager.bootstrap.composition import assemble
from rtmanager.bootstrap.service import Service
from rtmanager.config import Settings
from rtmanager.server.memory import collect_garbage, share_one_arena

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_BEAT = 0.005
"""Seconds between two moments at which the event loop is asked for."""


def main() -> None:
    """Run every round twice: the first one of a process has more to do."""
    share_one_arena()
    asyncio.run(_run(assemble(Settings.from_environment(os.environ))))


async def _run(service: Service) -> None:
    collect_garbage()
    async with AsyncExitStack() as stack:
        for dependency in service.dependencies:
            stack.push_async_callback(dependency.close)
            await dependency.open()
        cycles = service.cycles
        rounds: Mapping[str, Callable[[], Awaitable[object]]] = {
            "list": cycles.probe.engines.host.list_containers,
            "reconcile": cycles.reconcile.run,
            "probe": cycles.probe.run,
            "inspect": cycles.inspect.run,
        }
        for again in (False, True):
            for name in os.environ.get("BENCH_ROUNDS", " ".join(rounds)).split():
                await _measure(name, rounds[name], again=again)


async def _measure(name: str, one_round: Callable[[], Awaitable[object]], *, again: bool) -> None:
    _forget_peak()
    stall = _Stall()
    watching = asyncio.create_task(stall.watch())
    began, used = time.perf_counter(), time.process_time()
    await one_round()
    measured = {
        "round": name,
        "again": again,
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - used,
        "stall": stall.longest,
        "peak": _mebibytes("VmHWM"),
        "resident": _mebibytes("VmRSS"),
    }
    watching.cancel()
    print(json.dumps(measured), flush=True)  # noqa: T201 - for the process that measures


class _Stall:
    """The longest time for which the event loop could do nothing else, in seconds."""

    longest = 0.0

    async def watch(self) -> None:
        """Look again and again until cancelled."""
        at = time.perf_counter()
        while True:
            await asyncio.sleep(_BEAT)
            now = time.perf_counter()
            self.longest, at = max(self.longest, now - at - _BEAT), now


def _forget_peak() -> None:
    """Let the most memory be counted from here."""
    _RESET.write_text("5")


def _mebibytes(name: str) -> int:
    lines = _STATUS.read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(name))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main()
