"""Splitting what Docker sends of a container's output into lines, in bounded memory."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.adapters.docker.docker_json import parse_time
from rtmanager.domain.container_output import LINE_LIMIT, OutputLine, OutputStream
from rtmanager.domain.ports.container_host import DockerUnavailable

_HEADER = 8
_MOST = 1 << 20
"""Bytes that a frame has at most: Docker divides lines after 16 KiB."""
_KEPT = 4 * LINE_LIMIT
"""Bytes of a line that are kept, since a character has up to four."""
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT[\d:.]{8,18}Z) ", re.ASCII)
_STREAMS = {1: OutputStream.STDOUT, 2: OutputStream.STDERR}


@dataclass(slots=True)
class _Line:
    """A line that has not ended."""

    at: datetime | None
    text: bytearray = field(default_factory=bytearray)

    def add(self, part: bytes) -> None:
        """Add a part, of which no more is kept than fits."""
        self.text += part[: _KEPT - len(self.text)]

    def ended(self, stream: OutputStream) -> OutputLine:
        """Return the whole line."""
        text = self.text.decode(errors="replace").removesuffix("\r")
        return OutputLine(self.at, stream, text)


class OutputLines:
    """Collects chunks, divided anywhere, and returns the lines that have ended.

    Each frame has a header with its stream and its length, and begins with the time at which Docker
    received it; a long line comes in several frames. Containers with a terminal have no frames.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._open: dict[OutputStream, _Line] = {}
        self._has_frames: bool | None = None

    def take(self, chunk: bytes) -> list[OutputLine]:
        """Return the lines that end in this chunk; raise DockerUnavailable if it is no output."""
        self._buffer += chunk
        if self._has_frames is None and len(self._buffer) >= _HEADER:
            self._has_frames = self._buffer[0] in {0, *_STREAMS} and not any(self._buffer[1:4])
        if self._has_frames is None:
            return []
        if not self._has_frames:
            payload, self._buffer = bytes(self._buffer), bytearray()
            return list(self._split(OutputStream.STDOUT, payload))
        return [line for stream, payload in self._frames() for line in self._split(stream, payload)]

    def end(self) -> list[OutputLine]:
        """Return the lines that have no end."""
        if self._has_frames is None and self._buffer:
            self._open[OutputStream.STDOUT] = _Line(None, self._buffer)
        ended = [line.ended(stream) for stream, line in self._open.items()]
        self._open.clear()
        return ended

    def _frames(self) -> Iterator[tuple[OutputStream, bytes]]:
        while len(self._buffer) >= _HEADER:
            end = _HEADER + int.from_bytes(self._buffer[4:_HEADER])
            if end > _MOST:
                raise DockerUnavailable("Docker's log stream is malformed")
            if len(self._buffer) < end:
                return
            stream = _STREAMS.get(self._buffer[0], OutputStream.STDOUT)
            payload = bytes(self._buffer[_HEADER:end])
            del self._buffer[:end]
            yield stream, payload

    def _split(self, stream: OutputStream, payload: bytes) -> Iterator[OutputLine]:
        """Add a payload to the open line of its stream; yield those that it ends."""
        at, text = _timed(payload)
        *ended, rest = text.split(b"\n")
        for part in ended:
            line = self._open.pop(stream, None) or _Line(at)
            line.add(part)
            yield line.ended(stream)
        if rest:
            self._open.setdefault(stream, _Line(at)).add(rest)


def _timed(payload: bytes) -> tuple[datetime | None, bytes]:
    """Divide a payload into the time at which Docker received it and what the engine wrote."""
    match = _TIME.match(payload)
    if match is None:
        return None, payload
    return parse_time(match[1].decode()), payload[match.end() :]
