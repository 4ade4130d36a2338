from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.types import Message

from rtmanager.domain.errors import InvalidRequest, NotFound
from rtmanager.domain.operation import OperationKind, StopReason
from rtmanager.handlers import endpoint
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call
from tests.builders import GAME, IMAGE

SCOPE: dict[str, Any] = {"headers": [], "rtmanager.request_id": "request-1"}


def call(game: str) -> Call:
    """Return a call for a game."""
    return Call({**SCOPE, "path_params": {"game_id": game}})


def test_game_id_is_read_from_the_path() -> None:
    """A valid id is read as the game's by every operation."""
    assert call("chess-7").game_id == call("chess-7").new_game_id == "chess-7"


def test_impossible_game_is_not_found() -> None:
    """A game whose id is invalid was never started and is not found."""
    with pytest.raises(NotFound):
        _ = call("..").game_id


def test_impossible_game_cannot_be_started() -> None:
    """Starting an invalid id is refused with the rule for valid ones."""
    with pytest.raises(InvalidRequest, match="1 to 51 characters"):
        _ = call("..").new_game_id


def test_body_comes_with_the_request() -> None:
    """The validated body reaches the operation, and the request itself is unchanged."""
    scope = dict(SCOPE)
    body = {"image_ref": IMAGE, "reason": "finished"}

    request = Call(scope, body).to(OperationKind.START, GAME)

    assert (request.image_ref, request.reason) == (IMAGE, StopReason.FINISHED)
    assert scope == SCOPE


def test_request_without_a_body_asks_for_nothing_more() -> None:
    """A restart has neither an image nor a reason."""
    request = call(GAME).to(OperationKind.RESTART, GAME)

    assert (request.kind, request.game_id) == (OperationKind.RESTART, GAME)
    assert (request.image_ref, request.reason) == (None, None)


def test_game_id_is_decoded_where_it_is_read() -> None:
    """Invalid UTF-8 is decoded to replacement characters, which no game id contains."""
    with pytest.raises(InvalidRequest, match=r"'a/b\\ufffd'"):
        _ = call("a%2Fb%FF").new_game_id


async def test_endpoint_runs_in_a_span_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The span has the operation's name, in the trace of the caller if there is one."""
    exporter, seen, sent = InMemorySpanExporter(), [], []
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(endpoint, "_tracer", provider.get_tracer("test"))

    async def handler(_: Call) -> JsonObject:
        seen.append(trace.get_current_span().get_span_context().trace_id)
        return {"status": "ok"}

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = endpoint.Endpoint("internalHealthz", handler)
    await answer({"type": "http", "headers": []}, receive, send)
    await answer({"type": "http", "headers": [(b"traceparent", parent)]}, receive, send)

    span, child = exporter.get_finished_spans()
    assert span.context is not None
    assert child.parent is not None
    assert span.name == child.name == "internalHealthz"
    assert span.parent is None
    assert child.parent.span_id == 0xB7AD6B7169203331
    assert seen == [span.context.trace_id, 0x0AF7651916CD43DD8448EB211C80319C]
    assert sent[0]["status"] == 200


async def test_without_tracing_a_caller_in_a_trace_is_found_in_it() -> None:
    """Log lines and operations have the caller's trace although nobody here records spans."""
    seen: list[int] = []

    async def handler(_: Call) -> JsonObject:
        seen.append(trace.get_current_span().get_span_context().trace_id)
        return {}

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        pass

    parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = endpoint.Endpoint("internalHealthz", handler)
    await answer({"type": "http", "headers": [(b"traceparent", parent)]}, receive, send)
    await answer({"type": "http", "headers": []}, receive, send)

    assert seen == [0x0AF7651916CD43DD8448EB211C80319C, 0]


async def test_a_call_knows_when_its_caller_has_gone() -> None:
    """A handler that only waits can end when the connection is closed."""
    messages = iter(["http.request", "http.request", "http.disconnect"])
    sent: list[Message] = []

    async def handler(call: Call) -> JsonObject:
        await call.gone()
        return {"left": list(messages)}

    async def receive() -> Message:
        return {"type": next(messages)}

    async def send(message: Message) -> None:
        sent.append(message)

    await endpoint.Endpoint("operatorGetOperation", handler)(
        {"type": "http", "headers": []}, receive, send
    )

    assert sent[1]["body"] == b'{"left":[]}'
