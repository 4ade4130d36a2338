"""What a peer sends, and what it gets: malformed, endless, slow, too early, too much."""

import asyncio
import json

import pytest
from starlette.types import Receive, Scope, Send

from rtmanager.server.framing import HEAD_LIMIT, HEADERS_LIMIT
from rtmanager.server.http_protocol import AHEAD_LIMIT, KEEP_ALIVE, HttpProtocol
from rtmanager.server.refusals import Reason
from rtmanager.server.request_limit import RequestLimit
from tests.unit.server.peer import (
    BAD,
    BUSY,
    CHUNKED,
    GET,
    HALF_BODY,
    OK,
    POST,
    TIMEOUT,
    TOO_LARGE,
    Peer,
    Reading,
    Waiting,
)
from tests.unit.server.transport import (
    CountedRefusals,
    MemoryTransport,
    connection,
    hello,
    turns,
)


async def refused(peer: Peer, reason: Reason, status: int) -> None:
    """Check that a peer got one refusal in the envelope, and that its connection then ends."""
    head, body = peer.last_answer

    assert peer.statuses == [status]
    assert body["error"]["code"] == "invalid_request"
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    assert peer.refusals.added == [reason]
    assert peer.transport.ended
    await peer.send(GET)
    assert peer.statuses == [status]
    await peer.wait(2)
    assert peer.transport.aborted


# What is not HTTP


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"hello?\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        POST + b"Content-Length: -1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_an_invalid_request(sent: bytes) -> None:
    """Malformed requests get the contract's envelope, not plain text, and end the connection."""
    peer = Peer()
    await peer.send(sent)

    await refused(peer, Reason.MALFORMED, BAD)


async def test_a_malformed_body_is_an_invalid_request() -> None:
    """The application learns that its caller has gone, and its answer goes nowhere."""
    peer = Peer(app := Reading())
    await peer.send(CHUNKED, b"1\r\na\r\nnot a size\r\n")

    await refused(peer, Reason.MALFORMED, BAD)
    assert app.messages[-1] == {"type": "http.disconnect"}


async def test_a_refused_request_is_not_asked_to_continue() -> None:
    """After the last answer nothing more is written, whatever the application reads."""
    peer = Peer(app := Reading())
    expects = POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    await peer.send(expects + b"not a size\r\n")

    await refused(peer, Reason.MALFORMED, BAD)
    assert app.messages == [{"type": "http.disconnect"}]


async def test_a_refusal_waits_for_the_answers_before_it() -> None:
    """A request that is executed gets its own answer, not that of what follows it."""
    peer = Peer(app := Waiting())
    await peer.send(GET, b"hello?\r\n\r\n")
    before = peer.statuses
    app.go.set()
    await turns()

    assert before == []
    assert peer.statuses == [OK, BAD]


async def test_a_malformed_body_sent_ahead_waits_too() -> None:
    """The half request is dropped from those that were sent ahead."""
    peer = Peer(app := Waiting())
    await peer.send(GET + GET + CHUNKED, b"not a size\r\n")
    app.go.set()
    await turns()

    assert peer.statuses == [OK, OK, BAD]
    assert len(app.scopes) == 2


async def test_a_refusal_ends_no_request_before_it() -> None:
    """Those before it may take as long as any other, the last of them too."""

    async def one(scope: Scope, receive: Receive, send: Send) -> None:
        app.go.clear()
        await hello(scope, receive, send)

    peer = Peer(app := Waiting(then=one))
    await peer.send(GET + GET + CHUNKED, b"not a size\r\n")
    app.go.set()
    await turns()
    await peer.wait(100)
    before = (peer.statuses, peer.transport.closed)
    app.go.set()
    await turns()

    assert before == ([OK], False)
    assert peer.statuses == [OK, OK, BAD]


# What is endless


@pytest.mark.parametrize(
    ("begin", "endless"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 1000),
        (b"GET / HTTP/1.1\r\n", b"X" * 1000),
        (b"GET /", b"a" * 1000),
        (b"GET / HTTP/1.1\r\n", b"X: a\r\n" * 50),
        (b"", b"\r\n" * 500),
        (CHUNKED + b"1;", b"a" * 1000),
        (CHUNKED + b"1\r\na\r\n0\r\nX: ", b"a" * 1000),
        (CHUNKED + b"1\r\na\r\n0\r\n", b"X: a\r\n" * 50),
        (CHUNKED, b"1\r\na\r\n" * 100),
    ],
    ids=["value", "name", "url", "headers", "lines", "extension", "trailer", "trailers", "chunks"],
)
async def test_endless_framing_is_refused(begin: bytes, endless: bytes) -> None:
    """Whatever is not body has 64 KiB, so that nothing of it grows in memory."""
    peer = Peer(Reading())
    await peer.send(begin, *[endless] * 150)

    await refused(peer, Reason.HEAD_TOO_LARGE, TOO_LARGE)


async def test_a_large_read_is_limited_too() -> None:
    """A head that arrives at once is no larger than one in parts."""
    peer = Peer()
    await peer.send(b"GET / HTTP/1.1\r\nX: " + b"a" * 2 * HEAD_LIMIT + b"\r\n\r\n")

    await refused(peer, Reason.HEAD_TOO_LARGE, TOO_LARGE)


@pytest.mark.parametrize(("count", "status"), [(HEADERS_LIMIT, OK), (HEADERS_LIMIT + 1, TOO_LARGE)])
async def test_the_number_of_headers_is_limited(count: int, status: int) -> None:
    """Small headers cost more memory than their bytes."""
    peer = Peer()
    await peer.send(b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * count + b"\r\n")

    assert peer.statuses == [status]


async def test_a_head_of_the_largest_size_is_answered() -> None:
    """A head within the limit is served, in however many parts and with whatever body after it."""
    head = POST + b"Content-Length: 200000\r\nX: "
    whole = head + b"a" * (HEAD_LIMIT - len(head) - 100) + b"\r\n\r\n" + b"b" * 200_000
    peer = Peer(app := Reading())
    await peer.send(whole[:10], whole[10:60_000], whole[60_000:])

    assert peer.statuses == [OK]
    assert sum(len(message["body"]) for message in app.messages) == 200_000


async def test_trailers_are_not_headers() -> None:
    """What comes after the body cannot change what was said before it."""
    peer = Peer(app := Waiting())
    await peer.send(CHUNKED + b"1\r\na\r\n0\r\nHost: evil\r\nOrigin: evil\r\n\r\n")
    app.go.set()
    await turns()

    assert [name for name, _ in app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]
    assert peer.statuses == [OK]


async def test_a_body_that_nobody_reads_is_not_kept() -> None:
    """Reading pauses while the application ignores the body; after the answer it is dropped."""
    peer = Peer(app := Waiting())
    await peer.send(POST + b"Content-Length: 10000000\r\n\r\n", b"a" * 70_000)
    reads = peer.transport.reads
    app.go.set()
    await turns()
    await peer.send(b"a" * 200_000)

    assert not reads
    assert peer.transport.reads
    assert len(peer.protocol.cycle.body) <= 70_000


async def test_a_body_after_the_answer_is_read_for_a_limited_time() -> None:
    """The deadline of the request ends it, without another answer."""
    peer = Peer()
    await peer.send(POST + b"Content-Length: 10000000\r\n\r\n")
    await peer.wait(9)
    await peer.send(b"a" * 1000)
    open_before = not peer.transport.closed
    await peer.wait(1)

    assert open_before
    assert peer.transport.closed
    assert peer.statuses == [OK]


async def test_a_body_that_is_complete_after_the_answer_keeps_the_connection() -> None:
    """A caller whose ignored body arrives a little later can go on."""
    peer = Peer()
    await peer.send(POST + b"Content-Length: 3\r\n\r\n", b"abc", GET)

    assert peer.statuses == [OK, OK]


# What is sent ahead


async def test_requests_sent_ahead_are_answered_in_order() -> None:
    """Pipelining works, within its limit."""
    peer = Peer()
    await peer.send(b"".join(b"GET /n%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(3)))
    await turns()

    sent = peer.transport.sent
    assert peer.statuses == [OK] * 3
    assert sent.index(b"/n0") < sent.index(b"/n1") < sent.index(b"/n2")


async def test_too_many_requests_sent_ahead_are_not_looked_at() -> None:
    """Those within the limit are answered, then the connection is closed."""
    peer = Peer()
    await peer.send(GET * 1000)
    for _ in range(AHEAD_LIMIT):
        await turns()

    assert peer.statuses == [OK] * (AHEAD_LIMIT + 1)
    assert peer.transport.closed


async def test_caller_that_hangs_up_is_noticed_by_the_request_that_is_executed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Uvicorn notifies only the latest one, and writes the answers of the others to nobody."""
    answer = asyncio.Event()
    ended: list[str] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"late"})
        ended.append((await receive())["type"])

    peer = Peer(app=app)
    await peer.send(GET * 3)
    peer.transport.protocol.connection_lost(None)  # type: ignore[union-attr]
    answer.set()
    await turns()

    assert ended == ["http.disconnect"]
    assert peer.transport.sent == b""
    assert not caplog.records


async def test_another_protocol_is_not_spoken() -> None:
    """A request to upgrade is answered as HTTP, and nothing after it is looked at."""
    peer = Peer()
    await peer.send(
        b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nraw", GET
    )

    assert peer.statuses == [OK]
    assert b"connection: close" in peer.transport.sent
    assert peer.transport.closed


# What is slow


async def test_a_silent_connection_is_closed_without_an_answer() -> None:
    """An answer that nobody asked for could be taken for that to the next request."""
    peer = Peer()
    await peer.wait(9.9)
    open_before = not peer.transport.closed
    await peer.wait(0.1)

    assert open_before
    assert (peer.transport.closed, peer.transport.sent) == (True, b"")
    assert peer.refusals.added == [Reason.SILENT]


@pytest.mark.parametrize("half", [GET[:10], GET[:-2], HALF_BODY, CHUNKED])
async def test_half_a_request_is_refused_in_time(half: bytes) -> None:
    """From accept the whole request has one deadline, however often something arrives."""
    peer = Peer(Reading())
    for at in range(9):
        await peer.send(half[at : at + 1])
        await peer.wait(1)
    await peer.send(half[9:])
    before = peer.statuses
    await peer.wait(1)

    assert before == []
    await refused(peer, Reason.REQUEST_TIMEOUT, TIMEOUT)


async def test_the_deadline_counts_from_the_first_byte_after_an_answer() -> None:
    """A connection that is kept alive has the whole time for its next request."""
    peer = Peer()
    await peer.send(GET)
    await peer.wait(4)
    await peer.send(GET[:10])
    await peer.wait(9)
    open_before = not peer.transport.ended
    await peer.wait(1)

    assert open_before
    assert peer.statuses == [OK, TIMEOUT]


async def test_an_idle_connection_is_closed() -> None:
    """After an answer the next request has to begin soon; that is no refusal."""
    peer = Peer()
    await peer.send(GET)
    await peer.wait(KEEP_ALIVE - 0.1)
    open_before = not peer.transport.closed
    await peer.wait(0.1)

    assert open_before
    assert peer.transport.closed
    assert peer.refusals.added == []


@pytest.mark.parametrize("half", [GET[:10], HALF_BODY, CHUNKED])
async def test_a_request_that_is_executed_has_no_deadline(half: bytes) -> None:
    """An operation may take minutes; half of the next request does not end it, nor lose time."""
    peer = Peer(app := Waiting(then=Reading()))
    await peer.send(GET, half)
    await peer.wait(100)
    before = (peer.statuses, peer.transport.ended)
    app.go.set()
    await turns()
    await peer.wait(9)
    after = peer.statuses
    await peer.wait(1)

    assert before == ([], False)
    assert after == [OK]
    assert peer.statuses == [OK, TIMEOUT]


async def test_a_body_that_nobody_read_has_its_whole_time_later() -> None:
    """The time to send it does not pass while it cannot be sent."""
    peer = Peer(app := Waiting(then=Reading()))
    await peer.send(POST + b"Content-Length: 70003\r\n\r\n", b"a" * 70_000)
    for _ in range(10):
        await peer.wait(10)
    app.go.set()
    await turns()
    await peer.wait(9)
    await peer.send(b"abc")

    assert peer.statuses == [OK]


async def test_an_answer_that_is_not_read_is_cut_off() -> None:
    """A peer that lets answers pile up loses its connection."""
    peer = Peer(Waiting())
    await peer.send(GET)
    peer.protocol.pause_writing()
    await peer.wait(9)
    open_before = not peer.transport.aborted
    await peer.wait(1)

    assert open_before
    assert peer.transport.aborted
    assert peer.refusals.added == [Reason.ANSWER_NOT_READ]


# What is too much at once


async def busy_with(app: Waiting) -> tuple[HttpProtocol, MemoryTransport, CountedRefusals]:
    """Return a connection of a server that already executes as many requests as it may."""
    refusals = CountedRefusals()
    limited = RequestLimit(app, 1, refusals)
    await Peer(limited).send(GET)
    return *connection(app=limited), refusals


async def test_too_many_requests_at_once_are_refused() -> None:
    """The answer is the contract's, and the connection is closed."""
    protocol, transport, refusals = await busy_with(Waiting())
    protocol.data_received(GET)
    await turns()
    head, _, body = transport.sent.rpartition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % BUSY)
    assert b"connection: close" in head
    assert json.loads(body)["error"]["code"] == "service_unavailable"
    assert transport.closed
    assert refusals.added == [Reason.TOO_MANY_REQUESTS]


async def test_the_health_check_is_answered_while_too_much_is_executed() -> None:
    """Otherwise a busy service would be restarted."""
    protocol, transport, _ = await busy_with(app := Waiting())
    protocol.data_received(GET.replace(b"/a", b"/healthz"))
    app.go.set()
    await turns()

    assert transport.sent.startswith(b"HTTP/1.1 %d " % OK)
