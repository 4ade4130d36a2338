"""How long the client waits for what."""

from dataclasses import dataclass

import httpx

WAIT_MARGIN = 30.0
"""Seconds beyond a `wait` that the service may take."""
EVENTS_SILENCE = 45.0
"""The service sends a comment every 15 s; after three missing ones the connection is dead."""
LONGEST_WAIT = 60.0
"""Seconds that one request waits for an operation at most; longer waits are several requests."""
LONGEST_FOLLOW = 330.0
"""The service ends a followed log after five minutes."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How many seconds a call waits; None waits for ever.

    `operation` is None by default, because an operation lasts as long as its pull, which the
    service limits itself: giving up earlier would not end it. A machine that has vanished is
    noticed nevertheless, by TCP keepalive, within about a minute.
    """

    connect: float = 5.0
    read: float = 30.0
    operation: float | None = None

    def reading(self, seconds: float | None) -> httpx.Timeout:
        """Return the timeouts of a call whose answer may take this long."""
        return httpx.Timeout(self.read, connect=self.connect, read=seconds, pool=None)
