"""Sending an engine's output as it comes."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from starlette.datastructures import QueryParams
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from rtmanager.domain.container_output import OutputLine, OutputRequest, OutputStream
from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.insight.read_logs import EngineOutput
from rtmanager.domain.texts import quoted
from rtmanager.handlers.operator.head_only import is_head_only, nothing
from rtmanager.handlers.query import (
    choice_of,
    integer_of,
    parse_duration,
    parse_time,
    switch_of,
    text_of,
)
from rtmanager.handlers.rendering import timestamp

MOST_LINES = 10_000
LINES = 100
_LONG = 366 * 86_400.0
"""Seconds in which every engine's output has ended: no file of logs is kept for longer."""
_EPOCH = datetime.fromtimestamp(0, UTC)


class LogFormat(StrEnum):
    """The formats of an engine's output."""

    TEXT = "text"
    NDJSON = "ndjson"


_MEDIA_TYPES = {
    LogFormat.TEXT: "text/plain; charset=utf-8",
    LogFormat.NDJSON: "application/x-ndjson",
}


@dataclass(frozen=True, slots=True)
class LogsQuery:
    """What a caller wants to read, and how it is to be written."""

    wanted: OutputRequest
    format: LogFormat
    is_timed: bool

    @classmethod
    def of(cls, query: QueryParams, *, now: datetime) -> Self:
        """Read the query; raises InvalidRequest for what is not in the contract."""
        return cls(
            OutputRequest(
                tail=integer_of(query, "tail", default=LINES, least=0, most=MOST_LINES),
                since=since_of(query, now=now),
                follow=switch_of(query, "follow", default=False),
            ),
            choice_of(query, "format", LogFormat) or LogFormat.TEXT,
            switch_of(query, "timestamps", default=True),
        )


class LogsResponse(StreamingResponse):
    """The output of an engine; what is open for it is closed with the answer, however that ends."""

    def __init__(self, output: EngineOutput, query: LogsQuery, opened: AsyncExitStack) -> None:
        super().__init__(
            _encoded(output.parts, query),
            media_type=_MEDIA_TYPES[query.format],
            headers={"X-Container-Id": output.container_id, "Cache-Control": "no-store"},
        )
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        if is_head_only(scope):
            self.body_iterator = nothing()
        async with self._opened:
            await super().__call__(scope, receive, send)


def since_of(query: QueryParams, *, now: datetime) -> datetime | None:
    """Return the time in the parameter `since`, or the one that lies its duration ago."""
    text = text_of(query, "since")
    if text is None:
        return None
    seconds = parse_duration(text)
    at = parse_time(text) if seconds is None else now - timedelta(seconds=min(seconds, _LONG))
    if at is None or at < _EPOCH:
        raise InvalidRequest(
            f"since is {quoted(text)}, expected a time such as 2026-04-28T20:39:18Z, or a duration "
            "such as 10m"
        )
    return at


async def _encoded(
    parts: AsyncIterator[Sequence[OutputLine]], query: LogsQuery
) -> AsyncIterator[bytes]:
    async for lines in parts:
        if query.format is LogFormat.NDJSON:
            yield b"".join(map(_json_line, lines))
        else:
            own = (line for line in lines if line.stream is not OutputStream.SERVICE)
            yield "".join(_text_line(line, is_timed=query.is_timed) for line in own).encode()


def _json_line(line: OutputLine) -> bytes:
    value = {"at": timestamp(line.at), "stream": line.stream, "text": line.text}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _text_line(line: OutputLine, *, is_timed: bool) -> str:
    time = timestamp(line.at) if is_timed else None
    return f"{time} {line.text}\n" if time else f"{line.text}\n"
