"""Following the events of a running service, as a browser does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.running_service import NO_TLS, RunningService

EVENTS = "/api/v1/operator/events"
SILENT_FOR = 20.0
"""Seconds without a byte after which a test gives up; a comment is sent every 15 s."""


@dataclass(frozen=True)
class Sent:
    """One server-sent event."""

    id: str
    name: str
    data: Any

    @property
    def operation(self) -> Any:
        """Its operation, if it is about one."""
        return self.data.get("operation")


@contextmanager
def following(
    service: RunningService, after: str | None = None, *, game: str | None = None
) -> Iterator[Iterator[Sent]]:
    """Yield the events after this id, or from now, until the stream ends or the block does."""
    headers = {} if after is None else {"Last-Event-ID": after}
    parameters = {} if game is None else {"game_id": game}
    timeout = httpx.Timeout(SILENT_FOR)
    with (
        httpx.Client(base_url=service.url, verify=NO_TLS, timeout=timeout) as client,
        client.stream("GET", EVENTS, headers=headers, params=parameters) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield parsed(answer.iter_lines())


def parsed(lines: Iterator[str]) -> Iterator[Sent]:
    """Yield each event of the lines."""
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        else:
            if "data" in fields:
                yield Sent(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}
