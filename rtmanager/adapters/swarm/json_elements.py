"""The elements of a long JSON list, read one by one while they arrive."""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

from requests.exceptions import InvalidJSONError

_DECODER = json.JSONDecoder()
_BETWEEN = "[, \t\r\n"


def json_elements(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Yield the elements of a list of objects; none for `null`.

    Whatever the caller drops of one is gone before the next is read: a list of a large Swarm is a
    hundred megabytes of JSON, and five times that when all of it is kept. Raises InvalidJSONError
    for anything else, and for a list that breaks off.
    """
    to_text = codecs.getincrementaldecoder("utf-8")("replace")
    text = ""
    for chunk in chunks:
        text += to_text.decode(chunk)
        at = _next(text, 0)
        while at < len(text) and text[at] == "{":
            try:
                element, end = _DECODER.raw_decode(text, at)
            except ValueError:  # not all of it is there
                break
            yield element
            at = _next(text, end)
        text = text[at:]
    if text.strip() not in {"]", "null"}:
        raise InvalidJSONError(f"a list that ends with {text[:40]!r}")


def _next(text: str, at: int) -> int:
    """Return where the next element begins, or the list ends."""
    while at < len(text) and text[at] in _BETWEEN:
        at += 1
    return at
