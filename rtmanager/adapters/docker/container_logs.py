"""The last lines of a container's output, of bounded size and safe to print."""

from collections.abc import Iterator
from typing import Any

from rtmanager.domain.texts import printable

BYTES = 16 * 1024
LINE = 1000
"""Characters of a line that are kept; the last line becomes part of an error message."""
_HEADER = 8
_CHUNK = 64 * 1024


def read_tail(api: Any, path: str, lines: int) -> tuple[str, ...]:
    """Return the last `lines` lines of what has its logs at this path, at most 16 KiB.

    The SDK's method reads the whole answer into memory, however long its lines are, and its
    streaming mode removes the socket's timeout.
    """
    if lines < 1:
        return ()
    url = f"{api.base_url}/v{api.api_version}/{path}/logs"
    wanted = {"stdout": 1, "stderr": 1, "tail": lines}
    with api.get(url, params=wanted, stream=True, timeout=api.timeout) as response:
        api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
        tail = _last_bytes(_payloads(response.iter_content(_CHUNK)))
    text = tail.decode(errors="replace").removesuffix("\n")
    shown = text.split("\n")[-lines:] if text else ()
    return tuple(printable(line.rstrip("\r"), LINE) for line in shown)


def _payloads(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Split the stream: each payload follows a header with the stream's number and the length."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _HEADER:
            end = _HEADER + int.from_bytes(buffer[4:_HEADER])
            if len(buffer) < end:
                break
            yield bytes(buffer[_HEADER:end])
            del buffer[:end]


def _last_bytes(payloads: Iterator[bytes]) -> bytes:
    tail = b""
    for payload in payloads:
        tail = (tail + payload)[-BYTES:]
    return tail
