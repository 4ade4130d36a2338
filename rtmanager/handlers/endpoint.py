"""An endpoint: check the request, call the handler, send what it returns."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rtmanager.domain.errors import InvalidRequest, NotFound
from rtmanager.domain.game_id import GAME_ID_RULE, GameId, parse_game_id
from rtmanager.domain.operation import OperationKind, OperationRequest, Origin, StopReason
from rtmanager.domain.texts import quoted
from rtmanager.handlers.ascii_json import AsciiJson, JsonObject
from rtmanager.handlers.headers import values_of
from rtmanager.handlers.middleware import request_id_of, source_of
from rtmanager.handlers.parameters import ParameterRule
from rtmanager.handlers.strict_json import ExpectedBody, quoted_names


async def _stays() -> None:
    """Wait for ever, as for a caller that does not go."""
    await asyncio.Future()


_tracer = trace.get_tracer(__name__)
_NO_BODY: Mapping[str, Any] = MappingProxyType({})
_TRACE_PARENT = b"traceparent"


@dataclass(frozen=True, slots=True)
class Call:
    """A routed and validated request, as handlers read it.

    `gone` returns when the caller has closed the connection; a handler that only waits ends then.
    """

    scope: Scope
    body: Mapping[str, Any] = field(default_factory=dict)
    gone: Callable[[], Awaitable[None]] = _stays

    @property
    def game_id(self) -> GameId:
        """The game; raises NotFound for an id that no started game can have."""
        game_id = parse_game_id(self._game_id_text)
        if game_id is None:
            raise NotFound
        return game_id

    @property
    def new_game_id(self) -> GameId:
        """The game to start; raises InvalidRequest for an id that cannot name a container."""
        text = self._game_id_text
        game_id = parse_game_id(text)
        if game_id is None:
            raise InvalidRequest(f"the game id is {quoted(text)}, expected {GAME_ID_RULE}")
        return game_id

    @property
    def query(self) -> QueryParams:
        """The query parameters, unchecked but for their names."""
        return QueryParams(self.scope["query_string"])

    def path_parameter(self, name: str) -> str:
        """Return a decoded part of the path (see `RawPath`); bytes that are no UTF-8 are U+FFFD."""
        return unquote(str(self.scope["path_params"][name]))

    @property
    def origin(self) -> Origin:
        """The source and id of the request."""
        return Origin(source_of(self.scope), request_id_of(self.scope))

    def to(self, kind: OperationKind, game_id: GameId) -> OperationRequest:
        """Return the operation request for this call."""
        reason = self.body.get("reason")
        return OperationRequest(
            game_id=game_id,
            kind=kind,
            origin=self.origin,
            image_ref=self.body.get("image_ref"),
            reason=StopReason(reason) if reason else None,
        )

    @property
    def _game_id_text(self) -> str:
        return self.path_parameter("game_id")


Handler = Callable[[Call], Awaitable[JsonObject | Response]]
"""Returns the object to answer with, or a response of another type, which may be a stream."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Answers one operationId of the spec, in a span of that name; success is always 200.

    Without `body` that of a request is ignored. Without `query` so are query parameters; otherwise
    those that it does not name are refused.
    """

    name: str
    handler: Handler
    rules: Sequence[ParameterRule] = ()
    body: ExpectedBody | None = None
    query: frozenset[str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, call the handler and send its answer."""
        for rule in self.rules:
            rule.check(scope)
        self._check_query(scope)
        body = await self.body.read(scope, receive) if self.body else _NO_BODY
        call = Call(scope, body, partial(_disconnect, receive))
        answer = await self._handle_in_span(call)
        response = answer if isinstance(answer, Response) else AsciiJson(answer)
        await response(scope, receive, send)

    def _check_query(self, scope: Scope) -> None:
        if self.query is None or not scope["query_string"]:
            return
        unknown = [name for name in QueryParams(scope["query_string"]) if name not in self.query]
        if unknown:
            known = f"known are {', '.join(sorted(self.query))}" if self.query else "there are none"
            raise InvalidRequest(
                f"the query has an unknown parameter: {quoted_names(unknown)}; {known}"
            )

    async def _handle_in_span(self, call: Call) -> JsonObject | Response:
        context = _callers_context(call.scope)
        span = _tracer.start_span(self.name, context, trace.SpanKind.SERVER)
        if span is trace.INVALID_SPAN:  # nobody traces: to make it the current one costs more
            return await self.handler(call)
        with trace.use_span(span, end_on_exit=True):
            return await self.handler(call)


async def _disconnect(receive: Receive) -> None:
    """Return when the caller has closed the connection, ignoring what it sends before."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _callers_context(scope: Scope) -> Context | None:
    """Return the trace that the caller is in, if its headers name one (W3C Trace Context)."""
    if not values_of(scope, _TRACE_PARENT):
        return None
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return propagate.extract(headers)
