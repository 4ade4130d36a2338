"""Named points between the steps of an operation, at which the process can be made to die.

A point is the moment before a call of a port. Its name counts the changes that were made by then:
`05:host.start` comes before a start, after five changes. Between two changes a call that repeats
itself (a gate polls) is one point, since nothing durable tells its repetitions apart.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, Self

ARMED = "FAULT_POINTS_ARMED"
"""Environment: a JSON object, from the name of an operation to the point at which it dies."""
TRACE = "FAULT_POINTS_TRACE"
"""Environment: a file to which every point that was passed is written, after its operation."""
SIGNAL = "FAULT_POINTS_SIGNAL"
"""Environment: the signal by which the process dies, or is told to end."""

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


@dataclass
class FaultPoints:
    """Follows operations by the names of their tasks, and kills the process as armed.

    An operation stays at its point; once every armed one has come to its own, the signal ends them
    all. With SIGKILL that is for each of them a death at its point. With SIGTERM and a limit that
    they outlast, each is cut off there.
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
        """Note the point before a call; die there if it is armed for it, or if it is the last.

        Not every run passes the same points: on a busy host an operation can lose its lease. One
        that has missed its own stays at its last, so that it holds nobody up; the trace tells.
        """
        operation = _operation()
        if operation in self._arrived:
            return  # it was cut off there, and leaves
        point = f"{self._changes[operation]:02}:{call}"
        self._note(operation, point)
        wanted = self.armed.get(operation)
        if wanted and (point == wanted or call == LAST):
            await self._die(operation)

    def after(self, call: str) -> None:
        """Note the change that a call has made."""
        self._changes[_operation()] += call in CHANGES

    def _note(self, operation: str, point: str) -> None:
        if operation not in self.armed or (operation, point) in self._passed:
            return
        self._passed.add((operation, point))
        with self.trace.open("a") as trace:
            trace.write(f"{operation}\t{point}\n")

    async def _die(self, operation: str) -> None:
        self._arrived.add(operation)
        if self._arrived == set(self.armed):
            os.kill(os.getpid(), self.signal)
            self._sent.set()
        await self._sent.wait()
        await asyncio.sleep(OUTLASTS)


@dataclass(frozen=True)
class Watched:
    """A port, with a point before each of its calls."""

    port: Any
    name: str
    points: FaultPoints

    def __getattr__(self, method: str) -> Any:
        """Return the port's method, watched if it is one that waits."""
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
class WatchedLeases:
    """The leases, with a point before a lease is taken and one before it is given back."""

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
    """Name what is being done: operations run in tasks that are named for them."""
    task = asyncio.current_task()
    return task.get_name() if task else ""
