"""The real service on its real adapters, instrumented by wrappers around its ports.

It ends at a fault point, counts its calls of Docker, or runs with its clock put forward, as its
argument says.

A fault point is the moment before a call of a port. Its name counts the changes that were made by
then: `05:host.start` comes before a start, after five changes. Between two changes a call that is
repeated (a gate polls) is one point, since nothing durable distinguishes its repetitions. What is
read beside a change, in a task of its own, is none: nothing waits for it before the next change.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import partial
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Self

from rtmanager.bootstrap import composition
from rtmanager.bootstrap.use_cases import Ports
from rtmanager.config import Settings
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.reconciliation.drift import GRACE
from rtmanager.server.process import run

FAULTY, COUNTING, LATER = (
    ("tests.acceptance.recovery.instrumented_service", name)
    for name in ("faulty", "counting", "later")
)
"""The programs: the module and its argument."""

ARMED = "FAULT_POINTS_ARMED"
"""Environment: a JSON object, from the name of an operation to the point at which it ends."""
TRACE = "FAULT_POINTS_TRACE"
"""Environment: a file to which each operation writes every point that it passes."""
SIGNAL = "FAULT_POINTS_SIGNAL"
"""Environment: the signal that the process then sends to itself."""
CALLS = "COUNTED_CALLS"
"""Environment: a file to which every call of Docker is written as it begins."""

CHANGES = {
    "leases.hold",
    "journal.begin",
    "journal.refuse",
    "journal.save",
    "journal.finish",
    "directories.prepare",
    "host.pull",
    "host.create",
    "host.start",
    "host.stop",
    "host.rename",
    "host.remove",
    "leases.release",
}
LAST = "leases.release"
OUTLASTS = 3.0
"""Seconds for which it stays at its point after SIGTERM: more than the shutdown limit here."""
NOT_WRAPPED = {"clock", "installation"}
LATER_BY = timedelta(seconds=GRACE)
"""By then the grace period of every existing container is over."""


@dataclass
class FaultPoints:
    """Follows operations by the names of their tasks, and ends the process as armed.

    An operation stays at its point; once every armed one has reached its own, the signal ends them
    all. SIGKILL kills each of them at its point. SIGTERM, with a shutdown limit that they outlast,
    cancels each there.
    """

    armed: Mapping[str, str]
    trace: Path
    signal: int = signal.SIGKILL
    _passed: set[tuple[str, str]] = field(default_factory=set)
    _changes: Counter[str] = field(default_factory=Counter)
    _arrived: set[str] = field(default_factory=set)
    _sent: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Arm what the environment says."""
        armed, trace = json.loads(environment[ARMED]), Path(environment[TRACE])
        return cls(armed, trace, int(environment.get(SIGNAL, signal.SIGKILL)))

    async def before(self, call: str) -> None:
        """Record the point before a call; end there if it is armed, or if it is the last point.

        Not every run passes the same points: on a busy host an operation can lose its lease. One
        that has missed its own stops at its last, so that the others need not wait for it.
        """
        operation = _operation()
        if operation in self._arrived:
            return  # it was cancelled there
        point = f"{self._changes[operation]:02}:{call}"
        self._note(operation, point)
        wanted = self.armed.get(operation)
        if wanted and (point == wanted or call == LAST):
            await self._end(operation)

    def after(self, call: str) -> None:
        """Count the change that a call has made."""
        self._changes[_operation()] += call in CHANGES

    def _note(self, operation: str, point: str) -> None:
        if operation not in self.armed or (operation, point) in self._passed:
            return
        self._passed.add((operation, point))
        with self.trace.open("a") as trace:
            trace.write(f"{operation}\t{point}\n")

    async def _end(self, operation: str) -> None:
        self._arrived.add(operation)
        if self._arrived == set(self.armed):
            os.kill(os.getpid(), self.signal)
            self._sent.set()
        await self._sent.wait()
        await asyncio.sleep(OUTLASTS)


@dataclass(frozen=True)
class WrappedPort:
    """A port with a point before each of its calls."""

    port: Any
    name: str
    points: FaultPoints

    def __getattr__(self, method: str) -> Any:
        """Return the port's method, wrapped if it is a coroutine."""
        original = getattr(self.port, method)
        if not iscoroutinefunction(original):
            return original

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self.points.before(f"{self.name}.{method}")
            answer = await original(*args, **kwargs)
            self.points.after(f"{self.name}.{method}")
            return answer

        return call


@dataclass(frozen=True)
class WrappedLeases:
    """The leases, with a point before a lease is taken and one before it is released."""

    port: Any
    points: FaultPoints

    @asynccontextmanager
    async def hold(self, game_id: str, *, wait: float, above: int = 0) -> AsyncIterator[Any]:
        """Hold the lease of a game as the port does."""
        await self.points.before("leases.hold")
        async with self.port.hold(game_id, wait=wait, above=above) as lease:
            self.points.after("leases.hold")
            try:
                yield lease
            finally:
                await self.points.before("leases.release")

    def __getattr__(self, method: str) -> Any:
        """Return any other method as it is."""
        return getattr(self.port, method)


def _operation() -> str:
    """Return the name of the current operation: its task is named for it."""
    task = asyncio.current_task()
    return task.get_name() if task else ""


@dataclass(frozen=True)
class CountedHost:
    """The Docker host; each of its calls writes a line."""

    host: Any
    file: Path

    def __getattr__(self, method: str) -> Any:
        """Return the host's method, which records its call."""
        with self.file.open("a") as calls:
            calls.write(json.dumps({"call": method, "at": time.time()}) + "\n")
        return getattr(self.host, method)


@dataclass(frozen=True)
class LaterClock:
    """A clock that is ahead; it advances and waits as the real one does."""

    clock: Clock

    def now(self) -> datetime:
        """Return a time that is ahead."""
        return self.clock.now() + LATER_BY

    def __getattr__(self, method: str) -> Any:
        """Return any other method as it is."""
        return getattr(self.clock, method)


def faulty(ports: Ports) -> Ports:
    """Put fault points before every port except the clock and the name of the installation."""
    points = FaultPoints.from_environment(os.environ)
    names = [each.name for each in fields(Ports)]
    wrapped: dict[str, Any] = {
        name: port if name in NOT_WRAPPED else WrappedPort(port, name, points)
        for name in names
        if (port := getattr(ports, name)) is not None
    }
    return Ports(**wrapped | {"leases": WrappedLeases(ports.leases, points)})


def counting(ports: Ports) -> Ports:
    """Record the calls of Docker."""
    return replace(ports, host=CountedHost(ports.host, Path(os.environ[CALLS])))


def later(ports: Ports) -> Ports:
    """Put the clock forward, so that a test need not wait for a grace period."""
    clock: Any = LaterClock(ports.clock)
    return replace(ports, clock=clock)


def main() -> None:
    """Serve, instrumented as the argument says."""
    wrap = {"faulty": faulty, "counting": counting, "later": later}[sys.argv[1]]
    settings = Settings.from_environment(os.environ)
    run(settings, assemble=partial(composition.assemble, wrap=wrap))


if __name__ == "__main__":
    main()
