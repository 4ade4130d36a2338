import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Thread

import pytest
from starlette.types import Receive, Send
from structlog.testing import capture_logs

from rtmanager.config import Address, Seconds
from rtmanager.server.http import HttpServer, bind
from rtmanager.telemetry.repeated_events import RepeatedEvents
from tests.unit.server.transport import Time

SERVE = """
import asyncio, sys
from rtmanager.config import Address
from rtmanager.handlers.errors import ErrorBoundary
from rtmanager.server.drain import Drain
from rtmanager.server.http import HttpServer, bind

say = lambda what: lambda: print(what, flush=True)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    print("request", flush=True)
    if scope["path"] == "/hung":
        await asyncio.Event().wait()
    if scope["path"] == "/slow":
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"answered"})

async def main():
    listener = bind(Address("127.0.0.1", 0))
    announce = lambda: print("port", listener.getsockname()[1], flush=True)
    limit = 0.0 if "impatient" in sys.argv else 30.0
    server = HttpServer(ErrorBoundary(app), limit, announce)
    drain = Drain(1.0, say("signal"), say("stop")) if "delayed" in sys.argv else Drain()
    with listener, server.stopped_by_signals(drain):
        try:
            if "hang" in sys.argv:
                print("opening", flush=True)
                await asyncio.Event().wait()
            await server.serve(sockets=[listener])
            if "linger" in sys.argv:
                print("draining", flush=True)
                await asyncio.Event().wait()
        finally:
            print("drained", flush=True)
    print("end", flush=True)

asyncio.run(main())
"""


@contextmanager
def serving(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the server in a process of its own, to which signals can be sent."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def port_of(process: subprocess.Popen[str]) -> int:
    """Wait until the process listens, and return its port."""
    return int(line_of(process).removeprefix("port "))


@contextmanager
def slow_request(
    process: subprocess.Popen[str], path: str = "/slow"
) -> Iterator[list[tuple[int, bytes]]]:
    """Send a request that is answered once the process reads a line of input."""
    connection = HTTPConnection("127.0.0.1", port_of(process), timeout=20)
    answers: list[tuple[int, bytes]] = []

    def ask() -> None:
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            answers.append((response.status, response.read()))
        except OSError:
            answers.append((0, b""))

    thread = Thread(target=ask)
    thread.start()
    assert line_of(process) == "request"
    yield answers
    thread.join()
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_in_good_order(number: signal.Signals) -> None:
    """SIGTERM and SIGINT shut down cleanly with exit code 0."""
    with serving() as process:
        port_of(process)
        process.send_signal(number)

        assert [line_of(process), line_of(process)] == ["drained", "end"]
        assert process.wait(timeout=20) == 0


def test_a_request_under_way_is_answered_before_the_end() -> None:
    """A signal lets a running request finish."""
    with serving() as process, slow_request(process) as answers:
        process.send_signal(signal.SIGTERM)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

        assert process.wait(timeout=20) == 0
    assert answers == [(200, b"answered")]


def test_trap_shutdown_answers_plain_text() -> None:
    """A request that outlasts the limit gets the error envelope, and the shutdown is clean."""
    with serving("impatient") as process, slow_request(process, "/hung") as answers:
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=20) == 0
    ((status, body),) = answers
    assert (status, json.loads(body)["error"]["code"]) == (503, "service_unavailable")


def test_a_second_signal_ends_the_process_at_once() -> None:
    """A second signal does not wait for running requests."""
    with serving() as process, slow_request(process) as answers:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=20) in {128 + signal.SIGTERM, 128 + signal.SIGINT}
    assert answers == [(0, b"")]


def test_a_second_signal_ends_the_process_when_the_server_has_ended_already() -> None:
    """A second signal also cuts short the drain after the last request."""
    with serving("linger") as process:
        port_of(process)
        process.send_signal(signal.SIGTERM)
        assert line_of(process) == "draining"
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=20) == 128 + signal.SIGTERM


def test_requests_are_accepted_during_the_delay_after_a_signal() -> None:
    """Callers that have not noticed yet are answered; then the server ends in good order."""
    with serving("delayed") as process:
        port = port_of(process)
        process.send_signal(signal.SIGTERM)
        at_once = line_of(process)
        connection = HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        status = connection.getresponse().status
        connection.close()

        rest = process.communicate(timeout=20)[0].splitlines()
    assert at_once == "signal"
    assert status == 200
    assert rest[-4:] == ["request", "stop", "drained", "end"]
    assert process.returncode == 0


def test_trap_kept_connection_is_used_when_the_listener_ends() -> None:
    """After the signal every answer ends its connection, also that of a request under way."""
    with serving("delayed") as process:
        port = port_of(process)
        kept = [HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(2)]
        kept[0].request("GET", "/")
        before = kept[0].getresponse()
        before.read()
        kept[1].request("GET", "/slow")
        assert [line_of(process), line_of(process)] == ["request", "request"]
        process.send_signal(signal.SIGTERM)
        assert line_of(process) == "signal"
        kept[0].request("GET", "/")
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        after = [each.getresponse() for each in kept]
        for each in kept:
            each.close()

    assert before.getheader("Connection") is None
    assert [(each.status, each.getheader("Connection")) for each in after] == [(200, "close")] * 2


def test_a_second_signal_does_not_wait_for_the_delay() -> None:
    """Whoever sends a second signal wants the end."""
    with serving("delayed") as process:
        port_of(process)
        process.send_signal(signal.SIGTERM)
        assert line_of(process) == "signal"
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=20) == 128 + signal.SIGTERM


def test_a_signal_during_start_up_cancels_it() -> None:
    """A signal during start-up cancels it cleanly."""
    with serving("hang") as process:
        assert line_of(process) == "opening"
        process.send_signal(signal.SIGTERM)

        remaining = process.communicate(timeout=20)[0]
    assert remaining.splitlines()[0] == "drained"
    assert remaining.splitlines()[-1] == "end"
    assert process.returncode == 0


def refused_thrice(time: Time) -> RepeatedEvents:
    """Return events of which only the first is in the log."""
    events = RepeatedEvents(time)
    for _ in range(3):
        events.add("request_refused", "no_token")
    return events


async def test_what_was_refused_is_logged_a_minute_later() -> None:
    """The server looks after the log, although no more is refused."""
    time = Time()
    with capture_logs() as lines:
        server = HttpServer(None, Seconds(1), events=refused_thrice(time))
        time.now += 60
        await server.on_tick(1)

    assert [line["count"] for line in lines] == [1, 2]


async def test_what_was_refused_is_logged_at_the_end() -> None:
    """The last refusals are not lost."""

    async def app(_scope: object, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})

    with capture_logs() as lines, bind(Address("127.0.0.1", 0)) as listener:
        server = HttpServer(app, Seconds(1), events=refused_thrice(Time()))
        server.should_exit = True
        await server.serve(sockets=[listener])

    assert [line["count"] for line in lines] == [1, 2]


def test_answers_do_not_name_the_server_software() -> None:
    """No answer carries a Server header."""
    with serving() as process:
        connection = HTTPConnection("127.0.0.1", port_of(process), timeout=20)
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        connection.close()

        assert response.getheader("Server") is None


def test_an_address_in_use_is_refused() -> None:
    """Two services never share an address."""
    with bind(Address("127.0.0.1", 0)) as first:
        first.listen()

        with pytest.raises(OSError, match="in use"):
            bind(Address("127.0.0.1", first.getsockname()[1]))


def test_an_address_without_host_is_reachable_over_ipv4() -> None:
    """An empty host means every interface, including IPv4."""
    with bind(Address("", 0)) as listener:
        listener.listen()

        with socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=5):
            pass
