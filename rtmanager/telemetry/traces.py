"""Traces, exported as OpenTelemetry's `OTEL_*` variables say; off by default.

Code that creates spans gets a tracer from `opentelemetry.trace` and need not know whether an
exporter is on: without one, spans cost next to nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtmanager.telemetry.exporters import exporter_names, service_resource

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

VARIABLE = "OTEL_TRACES_EXPORTER"


@contextmanager
def exported_traces(environment: Mapping[str, str]) -> Iterator[None]:
    """Export the spans created in this context; the last ones are flushed at its end."""
    names = exporter_names(environment, VARIABLE)
    if not names:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415 - the SDK loads only where it is used

    provider = tracer_provider(names)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def tracer_provider(names: tuple[str, ...]) -> "TracerProvider":
    """Build the SDK's provider with one processor per exporter; `OTEL_*` set the rest."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - lazy

    provider = TracerProvider(resource=service_resource())
    for name in names:
        provider.add_span_processor(_processor(name))
    return provider


def _processor(name: str) -> "SpanProcessor":
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415 - lazy
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SimpleSpanProcessor,
    )

    if name == "console":
        return SimpleSpanProcessor(ConsoleSpanExporter())
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - lazy
        OTLPSpanExporter,
    )

    return BatchSpanProcessor(OTLPSpanExporter())
