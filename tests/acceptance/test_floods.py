"""Floods of connections, headers and slowness: the service answers its other callers meanwhile."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.acceptance.fault_injection import health_events
from tests.support.calls import ok, wait_until
from tests.support.environment import Environment, NewEnvironment
from tests.support.run import Say
from tests.support.use_of_resources import Use, health_checked

FEW_FILES = 256
PROBES, PROBE_SECONDS = 3, 0.5
REQUEST_SECONDS = 2
SILENT = 300
HALF_A_BODY = (
    b"POST /api/v1/internal/runtimes/a/start HTTP/1.1\r\nHost: a\r\n"
    b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)
SLOW_ANSWER_MS = 1000
"""Health checks took up to 20 ms when this was measured alone; other tests run meanwhile."""


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Iterator[Environment]:
    """Return a service that may open few files, probes often, and soon loses its patience."""
    environment = new_environment(
        request_timeout=f"{REQUEST_SECONDS}s",
        probe_interval=f"{PROBE_SECONDS}s",
        probe_failures_threshold=str(PROBES),
    )
    few_files = ("tests.support.few_files", str(FEW_FILES), "serve")
    with environment.service.replaced_by(few_files, {}):
        yield environment


def connected(environment: Environment) -> socket.socket:
    """Return a new connection to the service."""
    return socket.create_connection(("127.0.0.1", environment.service.port), timeout=10)


@contextmanager
def flooded(environment: Environment, count: int, sent: bytes) -> Iterator[None]:
    """Keep connections open during the block, on each of which the same was sent."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(connected(environment)).sendall(sent)
        yield


def answer_to(caller: socket.socket) -> tuple[int, str, float]:
    """Read to the end; return status, code, and the seconds that it took."""
    began = time.monotonic()
    received = b""
    while part := caller.recv(65536):
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    seconds = time.monotonic() - began
    return int(head.split()[1]), json.loads(body)["error"]["code"], seconds


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /healthz HT", HALF_A_BODY],
    ids=["silent", "half a request", "half a body"],
)
def test_connections_that_send_no_request_shut_nobody_out(
    environment: Environment, game: str, say: Say, sent: bytes
) -> None:
    """More of them than files: callers are answered, and engines keep their good health."""
    ok(environment.start(game))
    with flooded(environment, SILENT, sent), health_checked(environment.service) as checks:
        ready = environment.call("GET", "/readyz")
        ok(environment.call("GET", "/api/v1/internal/runtimes"))
        time.sleep((PROBES + 1) * PROBE_SECONDS)
        ok(environment.get(game))
    say(f"{SILENT} connections on {FEW_FILES} files: {checks}")

    assert checks.faults == []
    assert checks.quantile(1.0) < SLOW_ANSWER_MS
    assert ready.is_success
    assert health_events(environment, game, "probe_failed") == []
    assert "connections_limited" in environment.service.log


def test_endless_headers_are_refused_without_keeping_them(
    environment: Environment, say: Say
) -> None:
    """Whoever sends 100 MB of headers gets 431 after 64 KiB; memory stays as it is."""
    before = Use.of(environment.service)
    with connected(environment) as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"a" * (64 << 10))
        answer = answer_to(caller)
    sent = 0
    with connected(environment) as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
        try:
            while sent < 100 << 20:
                sent += caller.send(b"a" * (64 << 10))
        except OSError:
            pass  # it was closed before that
    after = Use.of(environment.service)
    say(f"before {sent >> 20} MB of headers: {before}; after: {after}")

    assert answer[:2] == (431, "invalid_request")
    assert after.megabytes - before.megabytes < 10


def test_half_a_request_is_refused_in_time(environment: Environment) -> None:
    """A body that does not come ends the connection at the deadline, with an answer."""
    with connected(environment) as caller:
        caller.sendall(HALF_A_BODY)
        status, code, seconds = answer_to(caller)

    assert (status, code) == (408, "invalid_request")
    assert REQUEST_SECONDS - 0.5 < seconds < REQUEST_SECONDS + 5


def test_ten_thousand_dropped_connections_leave_nothing(environment: Environment, say: Say) -> None:
    """Connections that are opened and dropped cost neither memory nor descriptors."""
    reset = struct.pack("ii", 1, 0)
    before = Use.of(environment.service)
    began = time.monotonic()
    with health_checked(environment.service) as checks:
        for number in range(10_000):
            with connected(environment) as caller:
                if number % 2:
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    seconds = time.monotonic() - began
    wait_until(lambda: Use.of(environment.service).callers == 0)
    after = Use.of(environment.service)
    say(f"before 10,000 connections in {seconds:.1f} s: {before}; after: {after}; {checks}")

    assert checks.faults == []
    assert checks.quantile(1.0) < SLOW_ANSWER_MS
    assert after.descriptors - before.descriptors < 20
    assert after.megabytes - before.megabytes < 10
