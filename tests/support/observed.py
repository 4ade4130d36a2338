"""What is counted, timed and traced, as tests read it."""

from functools import cache
from typing import Any

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def adapter_in(port: object) -> object:
    """Return the adapter inside of all decorators that observe it."""
    while "wrapped" in vars(port):
        port = vars(port)["wrapped"]
    return port


@cache
def _reader() -> InMemoryMetricReader:
    """Give this process its meters; that is possible only once."""
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))
    return reader


class Counted:
    """What has been counted since this was made."""

    def __init__(self) -> None:
        self._before = _values()

    def by(self, name: str, **labels: str) -> float:
        """Return by how much a counter has grown, or how often a histogram was used."""
        key = (name, frozenset(labels.items()))
        return _values().get(key, 0) - self._before.get(key, 0)

    def labels(self, name: str) -> list[dict[str, str]]:
        """Return the labels of every series of the metric that has grown, in order."""
        grown = [
            dict(key[1])
            for key, value in _values().items()
            if key[0] == name and value != self._before.get(key, 0)
        ]
        return sorted(grown, key=lambda each: sorted(each.items()))


def _values() -> dict[tuple[str, frozenset[tuple[str, Any]]], float]:
    data = _reader().get_metrics_data()
    return {
        (metric.name, frozenset((point.attributes or {}).items())): getattr(
            point, "value", getattr(point, "count", 0)
        )
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    }


class Spans:
    """A tracer, and the spans that it has finished."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("test")

    def finished(self) -> list[Any]:
        """Return the spans in the order of their ends."""
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> Any:
        """Return the only span of that name."""
        (span,) = (each for each in self.finished() if each.name == name)
        return span
