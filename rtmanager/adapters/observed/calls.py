"""Calls to a dependency: one proxy that times and traces each call of any port."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, nullcontext
from inspect import iscoroutinefunction
from time import perf_counter
from typing import Any, TypeVar, cast

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.job_stream import JobStream
from rtmanager.domain.ports.operation_journal import OperationStillOpen
from rtmanager.domain.ports.runtime_records import RecordPages, RuntimeRecords
from rtmanager.telemetry.instruments import call_duration, call_errors

P = TypeVar("P")

UNAVAILABLE, DEFECT = "unavailable", "defect"

_ANSWERS = (LeaseLost, OperationStillOpen)
"""Errors of an unavailable service that are answers of a dependency."""
_WAITS = {JobStream.read.__name__}
"""Calls that take as long as nothing happens: not timed."""
_PAGES = {RuntimeRecords.pages.__name__}
"""Methods that return a block in which pages are read: each of these is a call, named `page`."""

_tracer = trace.get_tracer("rtmanager")


def observed_calls(port: P, dependency: str, tracer: trace.Tracer = _tracer) -> P:
    """Return the port with each of its coroutine methods timed and traced.

    So is each page that is read in a block. Everything else (plain methods, attributes, context
    managers) is passed through.
    """
    return cast("P", _ObservedPort(port, dependency, tracer))


class _ObservedPort:
    """A proxy for a port; a method is wrapped when it is first asked for."""

    def __init__(self, port: object, dependency: str, tracer: trace.Tracer) -> None:
        self.wrapped, self._dependency, self._tracer = port, dependency, tracer
        for error in (UNAVAILABLE, DEFECT):
            call_errors.add(0, {"dependency": dependency, "error": error})

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.wrapped, name)
        if name in _PAGES:
            wrapped: Callable[..., Any] = _observed_pages(found, self._dependency, self._tracer)
        elif iscoroutinefunction(found):
            wrapped = _observed(found, self._dependency, self._tracer)
        else:
            return found
        vars(self)[name] = wrapped
        return wrapped


def _observed(
    method: Callable[..., Awaitable[Any]], dependency: str, tracer: trace.Tracer
) -> Callable[..., Awaitable[Any]]:
    name = getattr(method, "__name__", "")
    labels, is_timed = {"dependency": dependency, "call": name}, name not in _WAITS
    span_name = f"{dependency} {name}"

    async def call(*args: Any, **kwargs: Any) -> Any:
        began = perf_counter()
        try:
            with _span(tracer, span_name, dependency):
                return await method(*args, **kwargs)
        except Exception as error:
            count_error(error, dependency)
            raise
        finally:
            if is_timed:
                call_duration.record(perf_counter() - began, labels)

    return call


def _observed_pages(
    method: Callable[..., RecordPages], dependency: str, tracer: trace.Tracer
) -> Callable[..., RecordPages]:
    @asynccontextmanager
    async def block(*args: Any, **kwargs: Any) -> AsyncIterator[AsyncIterator[Any]]:
        async with method(*args, **kwargs) as pages:

            async def page() -> Any:
                return await anext(pages, None)

            async with aclosing(_until_none(_observed(page, dependency, tracer))) as observed:
                yield observed

    return block


async def _until_none(call: Callable[[], Awaitable[Any]]) -> AsyncGenerator[Any, None]:
    while (item := await call()) is not None:
        yield item


def count_error(error: Exception, dependency: str) -> None:
    """Count an error of a call, unless it is an answer."""
    if isinstance(error, _ANSWERS):
        return
    if isinstance(error, DockerUnavailable | ServiceUnavailable):
        call_errors.add(1, {"dependency": dependency, "error": UNAVAILABLE})
    elif not isinstance(error, RuntimeManagerError):
        call_errors.add(1, {"dependency": dependency, "error": DEFECT})


def _span(tracer: trace.Tracer, name: str, dependency: str) -> AbstractContextManager[object]:
    """Return a span inside one that is recorded; workers' rounds and idle tracing get none."""
    if not trace.get_current_span().is_recording():
        return nullcontext()
    attributes = {"peer.service": dependency}
    # Without the traceback, whose causes have what is kept from callers.
    return tracer.start_as_current_span(
        name, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False
    )
