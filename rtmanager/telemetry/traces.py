"""Traces, exported as OpenTelemetry's `OTEL_*` variables say; off by default.

Code that creates spans gets a tracer from `opentelemetry.trace` and need not know whether an
exporter is on: without one, spans cost next to nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtmanager import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider


def exporter_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the enabled exporters; `Settings` has refused unknown ones."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    chosen = environment.get("OTEL_TRACES_EXPORTER", "").lower().split(",")
    names = dict.fromkeys(name.strip() for name in chosen)
    return tuple(name for name in names if name not in {"", "none"})


@contextmanager
def exported_traces(environment: Mapping[str, str]) -> Iterator[None]:
    """Export the spans created in this context; the last ones are flushed at its end."""
    names = exporter_names(environment)
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
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - lazy
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - lazy

    ours = Resource.create({"service.name": "rtmanager", "service.version": __version__})
    # Attributes given in code would override the environment, so it is merged once more.
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()))
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
