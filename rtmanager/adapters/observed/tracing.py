"""Spans of operations and of their steps, by OpenTelemetry."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.operation import Action, Fence, Operation, OperationRequest, StepResult

Attributes = Mapping[str, AttributeValue]

_RESULT, _ERROR_CODE = "rtmanager.result", "rtmanager.error_code"
_UNKNOWN = (DockerUnavailable, ServiceUnavailable)
_LOW = (1 << 64) - 1


class OtelTracing:
    """Makes a span for each operation and each step, inside whatever span is current."""

    def __init__(self, tracer: trace.Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("rtmanager")

    def operation(self, request: OperationRequest, /) -> "OtelTrace":
        """Begin to follow a request; a job and a drift begin a trace of their own."""
        attributes = _of_request(request)
        return OtelTrace(
            self._tracer.start_span(f"operation {request.kind}", attributes=attributes)
        )

    def resumption(self, operation: Operation, /) -> AbstractContextManager[None]:
        """Follow an operation again; the span links to the trace in which it began."""
        attributes = {**_of_request(operation.request), "rtmanager.operation_id": operation.id}
        links = _links_to(operation.trace_id)
        return self._span(f"operation {operation.kind} resumed", attributes, links)

    def step(self, operation: Operation, action: Action, /) -> AbstractContextManager[None]:
        """Follow an action, with the result that it has by its error."""
        attributes: dict[str, AttributeValue] = {
            "rtmanager.operation_id": operation.id,
            "rtmanager.game_id": operation.game_id,
            "rtmanager.phase": operation.phase,
            "rtmanager.action": action.name,
        }
        if action.container_id:
            attributes["rtmanager.container_id"] = action.container_id
        return self._span(f"step {action.name}", attributes)

    def _span(
        self, name: str, attributes: Attributes, links: Sequence[Link] = ()
    ) -> AbstractContextManager[None]:
        return _to_its_end(self._tracer.start_span(name, attributes=attributes, links=links))


class OtelTrace:
    """The span of one request."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str | None:
        """The trace of the span: ours, or the caller's."""
        context = self._span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def current(self) -> AbstractContextManager[object]:
        """Make it the current span of the block."""
        return _current(self._span, ends=False)

    def to_its_end(self) -> AbstractContextManager[object]:
        """Make it the current span of the block, with the result that it has by its error."""
        return _to_its_end(self._span)

    def recorded(self, operation_id: Fence) -> None:
        """Name the operation: only now it has an id."""
        self._span.set_attribute("rtmanager.operation_id", operation_id)


def _current(span: trace.Span, *, ends: bool) -> AbstractContextManager[trace.Span]:
    # Errors are noted by ourselves, since what they keep from callers stays in the operation's row.
    return trace.use_span(
        span, end_on_exit=ends, record_exception=False, set_status_on_exception=False
    )


@contextmanager
def _to_its_end(span: trace.Span) -> Iterator[None]:
    with _current(span, ends=True):
        try:
            yield
        except Exception as error:
            _note_failure(span, error)
            raise
        span.set_attribute(_RESULT, StepResult.DONE)


def _of_request(request: OperationRequest) -> Attributes:
    return {
        "rtmanager.game_id": request.game_id,
        "rtmanager.kind": request.kind,
        "rtmanager.source": request.origin.source,
        "rtmanager.source_ref": request.origin.source_ref,
    }


def _note_failure(span: trace.Span, error: Exception) -> None:
    is_unknown = isinstance(error, _UNKNOWN)
    span.set_attribute(_RESULT, StepResult.UNKNOWN if is_unknown else StepResult.REFUSED)
    if isinstance(error, RuntimeManagerError):
        span.set_attribute(_ERROR_CODE, error.code)
    span.set_status(Status(StatusCode.ERROR, str(error)))


def _links_to(trace_id: str | None) -> Sequence[Link]:
    """Return a link to a trace. The row keeps no span, and a link without one is dropped."""
    if trace_id is None:
        return ()
    number = int(trace_id, 16)
    context = SpanContext(number, number & _LOW or 1, is_remote=True, trace_flags=TraceFlags(1))
    return (Link(context),)
