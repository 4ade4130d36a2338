"""The cursors of pages: opaque to callers, of one version, and only for the same search."""

import base64
import binascii
import re
from zlib import crc32

from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.operation import Fence
from rtmanager.domain.ports.operation_history import OperationFilter
from rtmanager.domain.texts import quoted

_VERSION = "1"
_FORM = re.compile(r"(\d{1,3})\.(\d{1,19})\.([0-9a-f]{8})", re.ASCII)


def cursor_of(before: Fence, wanted: OperationFilter) -> str:
    """Return the cursor of the page with ids below `before` in the search with this filter."""
    text = f"{_VERSION}.{before}.{_sum(before, wanted)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, wanted: OperationFilter) -> Fence:
    """Return the id at which the page begins; raise InvalidRequest unless it is our cursor."""
    match = _FORM.fullmatch(_decoded(cursor))
    if match is None:
        raise _unknown(cursor, "it is damaged")
    version, before, check = match.groups()
    if version != _VERSION:
        raise _unknown(cursor, "another version of the service made it")
    fence = Fence(int(before))
    if check != _sum(fence, wanted) or cursor != cursor_of(fence, wanted):
        raise _unknown(cursor, "it is damaged, or the filters are not those of the page before")
    return fence


def _decoded(cursor: str) -> str:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        return ""


def _sum(before: Fence, wanted: OperationFilter) -> str:
    return f"{crc32(f'{before} {wanted}'.encode('utf-8', 'surrogatepass')):08x}"


def _unknown(cursor: str, why: str) -> InvalidRequest:
    return InvalidRequest(
        f"cursor is {quoted(cursor)}, expected the next_cursor of the page before: {why}; "
        "leave it out to begin with the newest"
    )
