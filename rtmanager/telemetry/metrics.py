"""Metrics, exported as OpenTelemetry's `OTEL_*` variables say; off by default.

Code that counts gets a meter from `opentelemetry.metrics` and need not know whether an exporter is
on: without one, counting costs next to nothing.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from rtmanager.telemetry.exporters import exporting, service_resource

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader

VARIABLE = "OTEL_METRICS_EXPORTER"


def exported_metrics(environment: Mapping[str, str]) -> AbstractContextManager[None]:
    """Export what is counted in this context from time to time, and once more at its end."""
    return exporting(environment, VARIABLE, _set_provider)


def _set_provider(names: tuple[str, ...]) -> "MeterProvider":
    """Give the SDK one reader per exporter; `OTEL_*` set the rest."""
    from opentelemetry import metrics  # noqa: PLC0415 - lazy
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - lazy

    provider = MeterProvider([_reader(name) for name in names], service_resource())
    metrics.set_meter_provider(provider)
    return provider


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
