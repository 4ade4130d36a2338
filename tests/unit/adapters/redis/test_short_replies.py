"""The parser that reads short replies only, on a stream without a server."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from rtmanager.adapters.redis.short_replies import MAX_REPLY, LongReplyError, ShortReplies

Sent = tuple[asyncio.StreamReader, ShortReplies]


@pytest.fixture
async def sent() -> Sent:
    """Return what the server has sent, and a parser of it."""
    stream, parser = asyncio.StreamReader(), ShortReplies(65_536)
    untyped: Any = parser
    untyped.on_connect(SimpleNamespace(_reader=stream, encoder=None))
    return stream, parser


async def test_each_reply_may_be_as_long_as_the_longest(sent: Sent) -> None:
    """What was read before does not count, and what is short is read as usual."""
    stream, parser = sent
    longest = b"x" * (MAX_REPLY - 20)

    for _ in range(3):
        stream.feed_data(b"*2\r\n$%d\r\n%b\r\n$-1\r\n" % (len(longest), longest))
        assert await parser.read_response(disable_decoding=True) == [longest, None]


@pytest.mark.parametrize(
    "reply",
    [
        b"$536870912\r\n",
        b"*2\r\n$2\r\nid\r\n$65536\r\n",
        b"*5000\r\n" + b"$20\r\nxxxxxxxxxxxxxxxxxxxx\r\n" * 3_000,
        b"*4294967296\r\n" + b":1\r\n" * 30_000,
        b"*4294967296\r\n" + b"*0\r\n" * 30_000,
    ],
    ids=["value", "later value", "values", "numbers", "lists"],
)
async def test_a_long_reply_is_not_read_to_its_end(sent: Sent, reply: bytes) -> None:
    """It fails as soon as that is certain: here the server never sends the rest."""
    stream, parser = sent
    stream.feed_data(reply)

    async with asyncio.timeout(10):
        with pytest.raises(LongReplyError):
            await parser.read_response(disable_decoding=True)
