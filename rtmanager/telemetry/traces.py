"""Traces, exported as OpenTelemetry's `OTEL_*` variables say; off by default.

Code that creates spans gets a tracer from `opentelemetry.trace` and need not know whether an
exporter is on: without one, spans cost next to nothing.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from rtmanager.telemetry.exporters import exporting, service_resource

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

VARIABLE = "OTEL_TRACES_EXPORTER"


def exported_traces(environment: Mapping[str, str]) -> AbstractContextManager[None]:
    """Export the spans created in this context; the last ones are flushed at its end."""
    return exporting(environment, VARIABLE, _set_provider)


def _set_provider(names: tuple[str, ...]) -> "TracerProvider":
    """Give the SDK one processor per exporter; `OTEL_*` set the rest."""
    from opentelemetry import trace  # noqa: PLC0415 - lazy
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - lazy

    provider = TracerProvider(resource=service_resource())
    for name in names:
        provider.add_span_processor(_processor(name))
    trace.set_tracer_provider(provider)
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
