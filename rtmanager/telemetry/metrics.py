"""Metrics, exported as OpenTelemetry's `OTEL_*` variables say; off by default.

Code that counts gets a meter from `opentelemetry.metrics` and need not know whether an exporter is
on: without one, counting costs next to nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rtmanager.telemetry.exporters import exporter_names, service_resource

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader

VARIABLE = "OTEL_METRICS_EXPORTER"


@contextmanager
def exported_metrics(environment: Mapping[str, str]) -> Iterator[None]:
    """Export what is counted in this context from time to time, and once more at its end."""
    names = exporter_names(environment, VARIABLE)
    if not names:
        yield
        return
    from opentelemetry import metrics  # noqa: PLC0415 - the SDK loads only where it is used

    provider = meter_provider(names)
    metrics.set_meter_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def meter_provider(names: tuple[str, ...]) -> "MeterProvider":
    """Build the SDK's provider with one reader per exporter; `OTEL_*` set the rest."""
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - lazy

    return MeterProvider([_reader(name) for name in names], service_resource())


def _reader(name: str) -> "MetricReader":
    from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415 - lazy
        ConsoleMetricExporter,
        PeriodicExportingMetricReader,
    )

    if name == "console":
        return PeriodicExportingMetricReader(ConsoleMetricExporter())
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - lazy
        OTLPMetricExporter,
    )

    return PeriodicExportingMetricReader(OTLPMetricExporter())
