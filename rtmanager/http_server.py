"""The HTTP server: its socket, its limits, and how signals end it."""

import asyncio
import math
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Any

import structlog
import uvicorn

from rtmanager.config import Address, Seconds

log = structlog.get_logger(__name__)


def bind(address: Address) -> socket.socket:
    """Bind the address without listening yet, or raise `OSError`; no host means every interface."""
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
    """uvicorn's server without its signal handling, which `stopped_by_signals` replaces."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell so."""
        await super().startup(sockets)
        self._on_started()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave the signals alone: uvicorn would raise them again at the end and so kill us."""
        return nullcontext()


def http_server(
    app: Any, shutdown_timeout: Seconds, on_started: Callable[[], None] = lambda: None
) -> HttpServer:
    """Return a server for an ASGI application that leaves logging to the service."""
    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(shutdown_timeout),
    )
    return HttpServer(config, on_started)


@contextmanager
def stopped_by_signals(
    server: HttpServer, on_stop: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the block in good order; a second one ends the process at once.

    While the server runs it finishes its requests first; a start-up is cancelled. `on_stop` is
    called at the first signal.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    stopping = False

    def stop() -> None:
        on_stop()
        if server.started:
            server.should_exit = True
        elif task is not None:
            task.cancel()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        if stopping:
            os._exit(128 + number)
        stopping = True
        loop.call_soon_threadsafe(stop)

    previous = {
        number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    except asyncio.CancelledError:
        if not stopping:
            raise
        log.info("start_up_cancelled")
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
