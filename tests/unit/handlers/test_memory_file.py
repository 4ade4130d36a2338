import gzip
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from rtmanager.handlers.memory_file import PART, MemoryFile
from tests.unit.handlers.behind import Header, receive, request

CONTENT = b"let x = 1;\n" * 20_000
SCRIPT = MemoryFile(CONTENT, "text/javascript")
GZIP = (b"accept-encoding", b"gzip, deflate, br")


async def send(
    *headers: Header, file: MemoryFile = SCRIPT, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Ask for the file; return status, headers and body."""
    start, *parts = await messages(*headers, file=file, method=method)
    named = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], named, b"".join(part["body"] for part in parts)


async def messages(*headers: Header, file: MemoryFile, method: str) -> list[Message]:
    """Ask for the file; return what is sent."""
    sent: list[Message] = []

    async def keep(message: Any) -> None:
        sent.append(message)

    scope = request(*headers, method=method)
    await file.answer(Request(scope))(scope, receive, keep)
    return sent


async def test_file_is_sent_with_its_type_and_size() -> None:
    """A caller that says nothing about encodings gets the file as it is."""
    status, headers, body = await send()

    assert (status, body) == (200, CONTENT)
    assert headers["content-type"] == "text/javascript; charset=utf-8"
    assert headers["content-length"] == str(len(CONTENT))
    assert "content-encoding" not in headers


async def test_browser_gets_it_compressed() -> None:
    """Browsers accept gzip, and it is compressed once for all of them."""
    status, headers, body = await send(GZIP)

    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert headers["content-length"] == str(len(body))
    assert gzip.decompress(body) == CONTENT


@pytest.mark.parametrize("accepted", [b"", b"identity", b"gzip;q=0", b"br", b"xgzip"])
async def test_nobody_else_does(accepted: bytes) -> None:
    """Whoever does not simply accept gzip gets the file as it is."""
    _, headers, body = await send((b"accept-encoding", accepted))

    assert (headers["vary"], body) == ("Accept-Encoding", CONTENT)


async def test_what_compressing_makes_larger_is_sent_as_it_is() -> None:
    """A picture is compressed already."""
    _, headers, body = await send(GZIP, file=MemoryFile(b"\x89PNG", "image/png"))

    assert (headers["content-type"], body) == ("image/png", b"\x89PNG")
    assert "content-encoding" not in headers


@pytest.mark.parametrize("headers", [[], [GZIP]])
async def test_head_has_the_same_headers_and_no_body(headers: list[Header]) -> None:
    """HEAD answers what GET would, without the file."""
    status, named, body = await send(*headers, method="HEAD")
    _, expected, _ = await send(*headers)

    assert (status, named, body) == (200, expected, b"")


@pytest.mark.parametrize("headers", [[], [GZIP]])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_file_that_the_caller_has_is_not_sent_again(headers: list[Header], form: str) -> None:
    """The tag of an answer stands for its content in its encoding."""
    _, named, _ = await send(*headers)
    known = (b"if-none-match", form.format(named["etag"]).encode())
    status, again, body = await send(*headers, known)

    assert (status, body) == (304, b"")
    assert again == {name: named[name] for name in ("etag", "cache-control", "vary")}


async def test_other_encoding_or_content_is_sent() -> None:
    """A tag of the compressed file, or of another release's, is not the plain file's."""
    _, packed, _ = await send(GZIP)
    answers = [await send((b"if-none-match", tag)) for tag in (packed["etag"].encode(), b'"old"')]

    assert [(status, body) for status, _, body in answers] == [(200, CONTENT)] * 2
    assert packed["cache-control"] == "no-cache"


@pytest.mark.parametrize("asked", [b"bytes=0-9", b"bytes=900000000-", b"bytes=x", b"lines=1-2"])
async def test_range_is_ignored(asked: bytes) -> None:
    """HTTP permits to answer with the whole file, which can never be an error."""
    status, headers, body = await send((b"range", asked))

    assert (status, body) == (200, CONTENT)
    assert "accept-ranges" not in headers


async def test_parts_share_one_copy() -> None:
    """What waits for callers that do not read is one part each, of the same bytes."""
    first = await messages(file=SCRIPT, method="GET")
    second = await messages(file=SCRIPT, method="GET")
    parts = [part["body"] for _, *more in (first, second) for part in more if part["body"]]

    assert max(map(len, parts)) == PART
    assert len({id(part.obj) for part in parts}) == 1
    assert [part.get("more_body", False) for part in first[1:]] == [True] * 4 + [False]
