"""The HTTP server: uvicorn, with a socket that is bound early, and our signal handling.

Uvicorn captures signals; their handling is ours, because they end more than the server: the startup
before it, the drain after it. Decision 0036 lists what was tried.
"""

import asyncio
import math
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import structlog
import uvicorn

from rtmanager.config import Address, Seconds
from rtmanager.server.admission import Admits, everyone
from rtmanager.server.admitted_protocol import AdmittedProtocol
from rtmanager.server.connections import Connections, Limits
from rtmanager.server.drain import NO_DRAIN, Drain, LastAnswers
from rtmanager.server.readmission import INTERVAL, Readmission
from rtmanager.server.refusals import RefusedConnections
from rtmanager.server.request_limit import RequestLimit
from rtmanager.telemetry.repeated_events import RepeatedEvents

log = structlog.get_logger(__name__)

_DEFAULT_LIMITS = Limits()
_TICK = 0.1
"""Seconds between two calls of `on_tick` by uvicorn."""


def bind(address: Address) -> socket.socket:
    """Bind the address without listening yet; no host means every interface. Raises OSError.

    `uvicorn.Config.bind_socket` logs that the server is running, binds only IPv4 without a host,
    and exits the process when the address is in use.
    """
    dual_stack = not address.host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if dual_stack or ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if dual_stack:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind((address.host, address.port))
    except OSError:
        bound.close()
        raise
    return bound


class HttpServer(uvicorn.Server):
    """Uvicorn's server for an ASGI application; logging is left to the service.

    A connection from another machine is only read once `admits` has admitted its address; it is
    closed without an answer otherwise, and after an error. So is one that is open when its peer is
    not admitted any more. The events are logged until its end.
    """

    def __init__(  # noqa: PLR0913 - what it serves, for how long, and to whom
        self,
        app: Any,
        shutdown_timeout: Seconds,
        on_started: Callable[[], None] | None = None,
        *,
        admits: Admits = everyone,
        limits: Limits = _DEFAULT_LIMITS,
        events: RepeatedEvents | None = None,
    ) -> None:
        self._events = events or RepeatedEvents()
        refusals = RefusedConnections(self._events)
        connections = Connections(limits, refusals)
        self._answers = LastAnswers(app)
        config = uvicorn.Config(
            RequestLimit(self._answers, limits.max_requests, refusals),
            # A factory of protocols serves as well as a class.
            http=partial(AdmittedProtocol, connections=connections, admits=admits),  # type: ignore[arg-type]
            lifespan="on",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=math.ceil(shutdown_timeout),
        )
        super().__init__(config)
        self._readmission = Readmission(admits, connections)
        self._on_started = on_started
        self._signalled = False
        self._on_signal: Callable[[], object] = self._exit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and announce it."""
        await super().startup(sockets)
        if self._on_started is not None:
            self._on_started()

    async def on_tick(self, counter: int) -> bool:
        """Do what is done ten times a second, and from time to time what is done less often."""
        if counter % round(INTERVAL / _TICK) == 0:
            self._readmission.begin()
        self._events.flush()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all connections, and log what was not logged yet."""
        await super().shutdown(sockets)
        self._events.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Shut down gracefully at the first signal; end the process at the second.

        Uvicorn's handler would raise the signal again at the end, so that the exit code is not 0,
        and would let a second one wait for the drain.
        """
        if self._signalled:
            os._exit(128 + sig)
        self._signalled = True
        self._on_signal()

    @contextmanager
    def stopped_by_signals(self, drain: Drain = NO_DRAIN) -> Iterator[None]:
        """Let SIGTERM and SIGINT end the block gracefully; a second one ends the process.

        A running server finishes its requests first, after the delay of the drain, in which every
        answer ends its connection; a startup is cancelled.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop() -> None:
            drain.on_stop()
            self._exit()
            if not self.started and task is not None:
                task.cancel()

        def begin() -> None:
            drain.on_signal()
            self._answers.begin()
            if self.started and drain.delay > 0:
                log.info("draining", seconds=drain.delay)
                loop.call_later(drain.delay, stop)
            else:
                stop()

        self._on_signal = lambda: loop.call_soon_threadsafe(begin)
        try:
            with self.capture_signals():
                yield
        except asyncio.CancelledError:
            if not self._signalled:
                raise
            log.info("start_up_cancelled")

    def _exit(self) -> None:
        self.should_exit = True
