"""Writing JSON: in ASCII, so that no text in an answer can make it fail."""

import json
from collections.abc import Mapping

import orjson
from starlette.responses import Response

JsonObject = Mapping[str, object]

_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


def encode(content: object) -> bytes:
    """Return a value as JSON in ASCII, whatever its texts contain; times in RFC 3339.

    A text with other characters, of which a lone surrogate has no UTF-8, is written by Python's own
    encoder, and so is what orjson cannot write.
    """
    try:
        body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError:
        return _to_ascii(content).encode("ascii")
    return body if body.isascii() else _to_ascii(content).encode("ascii")


def _other(value: object) -> object:
    """Return what only orjson knows, such as a time, as Python's encoder knows it."""
    return json.loads(orjson.dumps(value, option=orjson.OPT_UTC_Z))


_to_ascii = json.JSONEncoder(separators=(",", ":"), default=_other).encode


class AsciiJson(Response):
    """An answer in JSON.

    No cache keeps it: it is only true for a moment, and may concern its caller alone.
    """

    def __init__(
        self, content: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status_code, self.background = status, None
        self.body = encode(content)
        others = [(key.encode(), value.encode()) for key, value in (headers or {}).items()]
        size = (b"content-length", b"%d" % len(self.body))
        self.raw_headers = [size, *_HEADERS, *others]
