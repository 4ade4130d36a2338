"""The list of all records, sent page by page while they are read."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rtmanager.domain.ports.runtime_records import PAGE, RecordPages
from rtmanager.domain.runtime import ListedRecord
from rtmanager.handlers.answer_in_parts import (
    Answer,
    KeptMemory,
    StreamedAnswer,
    WholeAnswer,
    send_at_once,
)
from rtmanager.handlers.ascii_json import encode
from rtmanager.handlers.operator.head_only import is_head_only
from rtmanager.handlers.rendering import runtime_json

_Page = Sequence[ListedRecord]

_BEGIN, _END = b'{"items":[', b"]}"


class RecordList(Response):
    """Sends every record; raises ServiceUnavailable before anything is sent if they are not there.

    A list of more than one page is sent while it is read, the next page when the caller has taken
    most of the one before; a slow caller does not hold up the store (`StreamedAnswer`).
    """

    def __init__(self, pages: RecordPages, memory: KeptMemory) -> None:
        super().__init__()
        self._pages = pages
        self._memory = memory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the list; when its last page was read, nothing of the store is held."""
        # A request that is not read to its end counts as one that is executed.
        while (await receive()).get("more_body"):
            pass
        async with self._pages as pages:
            # Not a tuple: as the default of `anext` it is an error (gh-128078).
            first: _Page = await anext(pages, [])
            if len(first) < PAGE:
                whole = _BEGIN + _rendered(first) + _END
                await send_at_once(send, len(whole), whole)
            elif is_head_only(scope):
                await send_at_once(send, None, b"")
            else:
                with self._memory.kept_parts() as kept:
                    # HTTP/1.0 knows no chunks.
                    kind = WholeAnswer if scope["http_version"] == "1.0" else StreamedAnswer
                    await _copy(_parts(first, pages), kind(send, kept), receive)


async def _copy(parts: AsyncIterator[bytes], answer: Answer, receive: Receive) -> None:
    """Send the parts; end when the caller has gone."""
    gone = asyncio.ensure_future(receive())
    try:
        async for part in parts:
            if gone.done():
                return
            await answer.add(part)
        await answer.end()
    finally:
        gone.cancel()
        answer.close()


async def _parts(first: _Page, others: AsyncIterator[_Page]) -> AsyncIterator[bytes]:
    yield _BEGIN + _rendered(first)
    async for page in others:
        yield b"," + _rendered(page)
    yield _END


def _rendered(records: _Page) -> bytes:
    """Return the elements of a JSON array."""
    return encode([runtime_json(record) for record in records])[1:-1]
