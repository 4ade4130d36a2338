"""The stream of events is parsed, resumed where it broke, and given up only when it never was."""

import json
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from rtmanager.client import ClientError, EventType, InvalidRequest, StreamedEvent, Unreachable
from tests.unit.client.fake_service import Chunks, FakeService, client_of, failed, stream
from tests.unit.client.specs import SPECS, example

BROKEN = httpx.ReadError("reset")
EVENT = json.dumps(example(SPECS[1], SPECS[1]["components"]["schemas"]["Event"]))


def event(event_id: int) -> str:
    """Return an event as it is sent."""
    return f"id: {event_id}\nevent: operation\ndata: {EVENT}\n"


async def receive(count: int, service: FakeService, **options: Any) -> list[StreamedEvent]:
    """Return the first events."""
    found: list[StreamedEvent] = []
    async with client_of(service) as rtm, aclosing(rtm.events(**options)) as events:
        async for each in events:
            found.append(each)
            if len(found) == count:
                break
    return found


async def test_stream_is_resumed_behind_its_last_event() -> None:
    """After a lost connection and after an end the last id is sent, so that nothing is lost."""
    service = FakeService(
        stream("id: 4\nevent: ready\ndata: {}\n", event(5), BROKEN),
        httpx.ConnectError("restarts"),
        failed(503, "service_unavailable"),
        stream(event(6)),
        stream(event(7)),
    )
    lost: list[tuple[ClientError, float]] = []
    found = await receive(4, service, game_id="g", on_lost=lambda *why: lost.append(why))

    assert [each.id for each in found] == ["4", "5", "6", "7"]
    assert found[0].type is EventType.READY
    assert found[0].event is None
    assert found[1].event is not None
    sent = [each.headers.get("last-event-id") for each in service.requests]
    assert sent == [None, "5", "5", "5", "6"]
    assert len(lost) == 3
    assert {each.url.params["game_id"] for each in service.requests} == {"g"}


async def test_stream_begins_behind_the_event_that_was_asked_for() -> None:
    """A program that kept the last id continues there."""
    service = FakeService(
        stream("event: reset\ndata: {}\n\nevent: operation\ndata: " + EVENT + "\n")
    )
    found = await receive(2, service, after="9")

    assert service.requests[0].headers["last-event-id"] == "9"
    assert [each.type for each in found] == [EventType.RESET, EventType.OPERATION]
    assert {each.id for each in found} == {"9"}


async def test_stream_is_resumed_when_a_proxy_has_no_replica() -> None:
    """A balancer answers in its own words while both replicas restart."""
    no_server = httpx.Response(503, text="<h1>No server is available</h1>")
    service = FakeService(stream(event(5), BROKEN), no_server, stream(event(6)))

    assert [each.id for each in await receive(2, service)] == ["5", "6"]


async def test_service_that_is_not_there_at_first_is_an_error() -> None:
    """A stream that never began is given up after the tries of any call."""
    service = FakeService(*[httpx.ConnectError("no")] * 9)
    with pytest.raises(Unreachable):
        await receive(1, service)

    assert len(service.requests) == 4


async def test_refused_stream_is_not_tried_again() -> None:
    """A wrong request stays wrong."""
    service = FakeService(failed(400, "invalid_request"))
    with pytest.raises(InvalidRequest):
        await receive(1, service)

    assert len(service.requests) == 1


async def test_comments_carriage_returns_and_split_lines_are_understood() -> None:
    """The service's comments, other line ends, data in two lines, and any cut between pieces."""
    text = f": here\r\nid: 1\r\nevent: operation\r\ndata: {EVENT[:9]}\r\ndata: {EVENT[9:]}\r\n\r\n"
    body = [bytes([each]) for each in text.encode()]
    (found,) = await receive(1, FakeService(httpx.Response(200, stream=Chunks(body))))

    assert found.event is not None
    assert found.event.type is EventType.OPERATION
