"""The list of all records, sent page by page while they are read."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.ports.runtime_records import PAGE, PAGES_SECONDS, RecordPages
from rtmanager.domain.runtime import RuntimeRecord
from rtmanager.handlers.operator.head_only import is_head_only
from rtmanager.handlers.rendering import runtime_json
from rtmanager.handlers.strict_json import encode

_Page = Sequence[RuntimeRecord]

_KIND = "application/json"
_BEGIN, _END = b'{"items":[', b"]}"


class RecordList(Response):
    """Sends every record; raises ServiceUnavailable before anything is sent if they are not there.

    A list of more than one page is sent while it is read, the next page when the caller has taken
    most of the one before. The store does not wait for ever: it is a broken answer when a caller
    has not taken all pages but the last within `PAGES_SECONDS`, or when the store fails meanwhile.
    """

    def __init__(self, pages: RecordPages) -> None:
        super().__init__()
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the list; a short one as a whole, when nothing is held for it any more."""
        # A request that is not read to its end counts as one that is executed.
        while (await receive()).get("more_body"):
            pass
        async with self._pages as pages:
            # Not a tuple: as the default of `anext` it is an error (gh-128078).
            first: _Page = await anext(pages, [])
            if is_head_only(scope):
                await send(_head())
                await send(_part(b"", is_last=True))
            elif len(first) < PAGE or scope["http_version"] == "1.0":  # which knows no chunks
                await (await _whole(first, pages))(scope, receive, send)
            else:
                await _stream(first, pages, receive, send)


async def _whole(first: _Page, others: AsyncIterator[_Page]) -> Response:
    arrays = [_rendered(first), *[_rendered(page) async for page in others]]
    body = _BEGIN + b",".join(arrays) + _END
    return Response(body, headers={"cache-control": "no-store"}, media_type=_KIND)


async def _stream(first: _Page, others: AsyncIterator[_Page], receive: Receive, send: Send) -> None:
    """Send the pages while they are read; end when the caller has gone."""
    until = asyncio.get_running_loop().time() + PAGES_SECONDS
    gone = asyncio.ensure_future(receive())
    try:
        await _send_by(until, send, _head())
        await _send_by(until, send, _part(_BEGIN + _rendered(first)))
        async for page in others:
            if gone.done():
                return
            is_held = len(page) == PAGE
            await _send_by(until if is_held else None, send, _part(b"," + _rendered(page)))
        await send(_part(_END, is_last=True))
    finally:
        gone.cancel()


async def _send_by(until: float | None, send: Send, message: Message) -> None:
    """Send; raise ServiceUnavailable if the caller has not taken enough by then."""
    try:
        async with asyncio.timeout_at(until):
            await send(message)
    except TimeoutError as error:
        raise ServiceUnavailable(
            f"the caller did not read the list within {PAGES_SECONDS:g} s"
        ) from error


def _head() -> Message:
    headers = [(b"content-type", _KIND.encode()), (b"cache-control", b"no-store")]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _part(body: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": not is_last}


def _rendered(records: _Page) -> bytes:
    """Return the elements of a JSON array."""
    return encode([runtime_json(record) for record in records])[1:-1]
