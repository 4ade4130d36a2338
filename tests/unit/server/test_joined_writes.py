"""What is written together, and that nothing waits for longer than this turn."""

import asyncio
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from rtmanager.server.joined_writes import JOINED, JoinedWrites
from tests.unit.server.transport import MemoryTransport, connection, turns

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
LARGE = b"x" * (JOINED + 1)


class Counted(MemoryTransport):
    """Keeps each write apart."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 4711))
        self.writes: list[bytes] = []

    def write(self, data: Any) -> None:
        """Keep it."""
        super().write(data)
        self.writes.append(data)


@pytest.fixture
def transport() -> Counted:
    """Return a transport that counts."""
    return Counted()


@pytest.fixture
async def joined(transport: Counted) -> JoinedWrites:
    """Return what answers are written to."""
    return JoinedWrites(transport)


async def test_head_and_body_are_one_write(joined: JoinedWrites, transport: Counted) -> None:
    """The kernel, and the peer, are woken once."""
    joined.write(b"head ")
    joined.write(b"body")

    assert transport.writes == [b"head body"]


async def test_head_goes_out_within_the_turn(joined: JoinedWrites, transport: Counted) -> None:
    """The peer of a stream sees that it has begun, however late the first part is."""
    joined.write(b"head")
    before = list(transport.writes)
    await asyncio.sleep(0)

    assert before == []
    assert transport.writes == [b"head"]


async def test_large_parts_are_not_copied(joined: JoinedWrites, transport: Counted) -> None:
    """What waits for the peer is the transport's, which pauses the application in time."""
    joined.write(b"head")
    joined.write(LARGE)
    joined.write(LARGE)

    assert transport.writes == [b"head", LARGE, LARGE]


async def test_closing_loses_nothing(joined: JoinedWrites, transport: Counted) -> None:
    """An answer that breaks off has at least its head."""
    joined.write(b"head")
    joined.close()
    await turns()

    assert transport.writes == [b"head"]
    assert joined.is_closing()


async def test_nothing_is_written_to_a_connection_that_ended(
    joined: JoinedWrites, transport: Counted
) -> None:
    """Its peer has gone within this turn."""
    joined.write(b"head")
    transport.close()
    await turns()

    assert transport.writes == []


async def test_each_answer_of_a_connection_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever protocol and application do to get there."""
    _, transport = connection()
    writes: list[bytes] = []
    monkeypatch.setattr(transport, "write", writes.append)
    for _ in range(2):
        transport.receive(GET)
        await turns()

    assert [each.count(b"HTTP/1.1 200") for each in writes] == [1, 1]
    assert all(each.endswith(b"/a\r\n0\r\n\r\n") for each in writes)


async def test_a_refusal_comes_after_what_was_kept() -> None:
    """A peer that was asked for its body, and sends a malformed one, reads both in their order."""

    async def reading(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()

    _, transport = connection(app=reading)
    transport.receive(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n")
    transport.receive(b"Expect: 100-continue\r\n\r\n")
    await asyncio.sleep(0)
    transport.receive(b"no size\r\n")

    assert transport.sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 ")
