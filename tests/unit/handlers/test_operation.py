import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rtmanager.handlers import operation
from rtmanager.handlers.asgi import JsonObject, Message
from rtmanager.handlers.call import Call


async def test_operation_runs_in_a_span_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trace names the operation of the spec, and log lines inside it can name the trace."""
    exporter, seen, sent = InMemorySpanExporter(), [], []
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(operation, "_tracer", provider.get_tracer("test"))

    async def handler(_: Call) -> JsonObject:
        seen.append(trace.get_current_span().get_span_context().trace_id)
        return {"status": "ok"}

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    await operation.Operation(handler, "internalHealthz")({"type": "http"}, receive, send)

    (span,) = exporter.get_finished_spans()
    assert span.name == "internalHealthz"
    assert seen == [span.context and span.context.trace_id]
    assert sent[0]["status"] == 200
