"""All connections of the HTTP server: how many there may be, and how long each may wait.

A connection waits until it has sent a complete request, while its answer is not read, and from its
answer to the next request. Those that wait are closed when their time is over, or earlier to make
room for others, the one that has waited longest first: connections that send or read nothing never
shut out those that do.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rtmanager.domain.insight.event_feed import MAX_SUBSCRIPTIONS
from rtmanager.domain.insight.operation_ends import MAX_WAITING
from rtmanager.server.refusals import Reason, RefusedConnections

SWEEP_INTERVAL = 0.5
"""Seconds between two looks at every connection's time: one timer for all."""

_SPARE_PART = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What callers may use together, and each for itself."""

    max_connections: int = 1000
    request_timeout: float = 10.0

    @property
    def max_requests(self) -> int:
        """The number of requests executed at once; the rest of the connections is for the others.

        A refused request needs a connection too, for the answer that says so.
        """
        return max(1, self.max_connections - self.max_connections // _SPARE_PART)

    @property
    def max_streams(self) -> int:
        """The number of streams of events that may be open at once: at most half of all."""
        return min(MAX_SUBSCRIPTIONS, max(1, self.max_connections // 2))

    @property
    def max_waits(self) -> int:
        """The number of requests that may wait for operations at once: at most a quarter of all.

        With the streams they never take all connections, of which none can be closed for others.
        """
        return min(MAX_WAITING, max(1, self.max_connections // 4))


class Connection(Protocol):
    """A connection as its owner sees it."""

    @property
    def peer(self) -> str | None:
        """The address of the other machine; None for this one."""

    def expire(self) -> None:
        """Refuse or close the connection if its time is over."""

    def make_room(self) -> None:
        """Close the connection at once."""


class Connections:
    """Every open connection; those that wait for their peer are in order of their wait."""

    def __init__(
        self,
        limits: Limits,
        refusals: RefusedConnections,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.refusals = refusals
        self.now = now
        self._all: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return the number of open connections."""
        return len(self._all)

    def add(self, connection: Connection) -> None:
        """Add a connection, which waits; one that has waited longer makes room if there is none."""
        while len(self._all) >= self.limits.max_connections and self._waiting:
            longest = next(iter(self._waiting))
            self.remove(longest)
            self.refusals.add(Reason.CROWDED_OUT)
            longest.make_room()
        self._all.add(connection)
        self._waiting[connection] = None
        self._sweep_later()

    def peers(self) -> set[str]:
        """Return the addresses of all other machines that are connected."""
        return {each.peer for each in self._all if each.peer is not None}

    def close(self, peer: str) -> None:
        """Close all connections of a machine that is not admitted any more."""
        for connection in [each for each in self._all if each.peer == peer]:
            self.refusals.add(Reason.NOT_ADMITTED, peer=peer)
            connection.make_room()

    def remove(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._all.discard(connection)
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for its peer, unless it does already or has ended."""
        if connection in self._all:
            self._waiting.setdefault(connection)

    def works(self, connection: Connection) -> None:
        """Note that the peer waits: its request is complete, and not answered yet."""
        self._waiting.pop(connection, None)

    def expire(self) -> None:
        """End every wait that has been too long."""
        for connection in list(self._all):
            connection.expire()

    def _sweep_later(self) -> None:
        if self._sweep is None and self._all:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(SWEEP_INTERVAL, self._run_sweep)

    def _run_sweep(self) -> None:
        self._sweep = None
        try:
            self.expire()
        finally:
            self._sweep_later()
