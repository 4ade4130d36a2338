"""Running the service: open everything in order, serve requests, close everything."""

import asyncio
import os
import socket
from collections.abc import Callable

import structlog
from uvicorn.loops.auto import auto_loop_factory

from rtmanager import __version__
from rtmanager.bootstrap import composition
from rtmanager.bootstrap.service import Service, ShutdownDeadline, StartupError
from rtmanager.bootstrap.use_cases import UseCases
from rtmanager.config import Address, Settings
from rtmanager.handlers.access import Access
from rtmanager.handlers.metrics_page import MetricsText
from rtmanager.server.admission import everyone
from rtmanager.server.connexion_app import create_app
from rtmanager.server.drain import Drain
from rtmanager.server.endpoints import endpoints
from rtmanager.server.exposure import warn_of_listener, warn_of_settings
from rtmanager.server.http import HttpServer, bind
from rtmanager.server.memory import collect_garbage, share_one_arena
from rtmanager.server.policies import access, connection_limits
from rtmanager.server.service_manager import READY, STOPPING, notify
from rtmanager.telemetry.logs import configure_logs
from rtmanager.telemetry.metrics import exported_metrics
from rtmanager.telemetry.repeated_events import RepeatedEvents
from rtmanager.telemetry.traces import exported_traces

log = structlog.get_logger(__name__)

Announce = Callable[[Address], None]
"""Called with the address once requests are accepted."""

Assemble = Callable[[Settings], Service]
"""Builds the service, unopened."""


def _say_nothing(_address: Address) -> None:
    """Do nothing: the log line is enough."""


def run(
    settings: Settings,
    announce: Announce = _say_nothing,
    assemble: Assemble = composition.assemble,
) -> None:
    """Serve until a signal arrives; raises `StartupError` when it cannot start."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(_serve(settings, announce, assemble))


async def _serve(settings: Settings, announce: Announce, assemble: Assemble) -> None:
    """Open the service, serve until a signal arrives, finish what runs, and close it."""
    share_one_arena()
    configure_logs(settings.log_level, settings.log_format)
    allowed = access(settings)
    # OTEL_* variables belong to OpenTelemetry, which reads the environment itself.
    with (
        exported_traces(os.environ),
        exported_metrics(os.environ) as exposition,
        _bound(settings.internal_http_addr) as listener,
    ):
        service = assemble(settings)
        cases = service.use_cases

        def on_started() -> None:
            address = _address_of(listener)
            warn_of_settings(settings)
            warn_of_listener(address, cases.connections.known)
            log.info("serving", address=str(address), version=__version__)
            announce(address)
            notify(READY, os.environ)

        def on_signal() -> None:
            notify(STOPPING, os.environ)
            service.withdraw()

        server = _http_server(settings, allowed, cases, exposition.text, on_started)
        deadline = ShutdownDeadline(settings.shutdown_timeout)

        def on_stop() -> None:
            deadline.begin()
            cases.release()

        drain = Drain(settings.drain_delay, on_signal, on_stop)
        collect_garbage()
        with server.stopped_by_signals(drain):
            async with service.open(deadline):
                await _answer_requests(server, listener)
    log.info("stopped")


def _http_server(
    settings: Settings,
    allowed: Access,
    cases: UseCases,
    metrics: MetricsText,
    on_started: Callable[[], None],
) -> HttpServer:
    events, limits = RepeatedEvents(), connection_limits(settings)
    table = endpoints(cases, max_streams=limits.max_streams, max_waits=limits.max_waits)
    return HttpServer(
        create_app(table, allowed, events, metrics=metrics),
        settings.shutdown_timeout,
        on_started,
        admits=cases.connections.admits if settings.refuse_engine_connections else everyone,
        limits=limits,
        events=events,
    )


def _bound(address: Address) -> socket.socket:
    """Bind the address before anything else, so that a second service goes no further."""
    try:
        return bind(address)
    except OSError as error:
        raise StartupError(
            f"cannot listen on {address}: {error.strerror or error}; "
            "stop what uses this address or set another RTMANAGER_INTERNAL_HTTP_ADDR"
        ) from error


async def _answer_requests(server: HttpServer, listener: socket.socket) -> None:
    try:
        await server.serve(sockets=[listener])
    except SystemExit as error:
        # Uvicorn's sign that the application's lifespan failed; it has logged the reason.
        raise StartupError("the HTTP application did not start; see the log lines above") from error


def _address_of(listener: socket.socket) -> Address:
    host, port = listener.getsockname()[:2]
    return Address(host, port)
