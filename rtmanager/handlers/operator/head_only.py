"""Answering HEAD where GET answers with a stream: the headers, and the end at once.

The server only leaves out the body. A stream would go on behind it, and the caller, to whom the
answer is complete, would wait for the next one on this connection until that stream has ended.
"""

from collections.abc import AsyncIterator

from starlette.types import Scope


def is_head_only(scope: Scope) -> bool:
    """Return whether the caller asks for the headers only."""
    return bool(scope["method"] == "HEAD")


async def nothing() -> AsyncIterator[bytes]:
    """Yield nothing."""
    parts: tuple[bytes, ...] = ()
    for part in parts:
        yield part
