"""Metrics: always there for Prometheus, and exported as OpenTelemetry's variables say.

Code that counts uses `instruments`, or gets a meter from `opentelemetry.metrics`, and need not know
who reads.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from rtmanager.telemetry.exporters import exporter_names, service_resource
from rtmanager.telemetry.instruments import expect_alerted_events

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

VARIABLE = "OTEL_METRICS_EXPORTER"


class Exposition:
    """The text that Prometheus scrapes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def text(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics and their media type: OpenMetrics if the caller accepts that."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


@contextmanager
def exported_metrics(environment: Mapping[str, str]) -> Iterator[Exposition]:
    """Count during the block for Prometheus, and for the exporters that the variable names.

    Those export what is counted from time to time, and once more at the end.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    provider = _provider(registry, exporter_names(environment, VARIABLE))
    metrics.set_meter_provider(provider)
    expect_alerted_events()
    try:
        yield Exposition(registry)
    finally:
        provider.shutdown()


def _provider(registry: CollectorRegistry, names: tuple[str, ...]) -> MeterProvider:
    """Give the SDK one reader per exporter; `OTEL_*` set the rest."""
    scraped = PrometheusMetricReader(scope_info_enabled=False, registry=registry)
    readers = [scraped, *(_reader(name) for name in names)]
    if names:
        return MeterProvider(readers, service_resource())
    # Prometheus' reader drops exemplars, which would cost more than counting.
    return MeterProvider(readers, service_resource(), exemplar_filter=AlwaysOffExemplarFilter())


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
