"""An operation of the spec as an ASGI application: call the handler, send what it returns."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from opentelemetry import trace

from rtmanager.handlers.asgi import JsonObject, Receive, Scope, Send, send_json
from rtmanager.handlers.call import Call

Handler = Callable[[Call], Awaitable[JsonObject]]

_OK = 200

_tracer = trace.get_tracer(__name__)


@dataclass(frozen=True, slots=True)
class Operation:
    """Answers one operation, in a span that its log lines name; success is always 200."""

    handler: Handler
    name: str

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Let the handler answer."""
        with _tracer.start_as_current_span(self.name, kind=trace.SpanKind.SERVER):
            answer = await self.handler(Call(scope))
        await send_json(send, _OK, answer)
