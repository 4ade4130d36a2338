from collections.abc import Mapping

import pytest

from rtmanager.telemetry import metrics, traces
from rtmanager.telemetry.exporters import exporter_names, service_resource


@pytest.mark.parametrize("variable", [traces.VARIABLE, metrics.VARIABLE])
@pytest.mark.parametrize(
    ("value", "more", "names"),
    [
        (None, {}, ()),
        ("", {}, ()),
        ("none", {}, ()),
        ("otlp", {}, ("otlp",)),
        ("otlp, Console,otlp", {}, ("otlp", "console")),
        ("otlp", {"OTEL_SDK_DISABLED": "TRUE"}, ()),
    ],
)
def test_exporters_are_chosen_by_opentelemetrys_own_variables(
    variable: str, value: str | None, more: Mapping[str, str], names: tuple[str, ...]
) -> None:
    """Only the exporters that OpenTelemetry's variables name are active; by default none is."""
    environment = {**more, **({} if value is None else {variable: value})}

    assert exporter_names(environment, variable) == names


def test_traces_and_metrics_are_chosen_separately() -> None:
    """Who wants metrics need not want traces."""
    environment = {metrics.VARIABLE: "otlp"}

    assert exporter_names(environment, traces.VARIABLE) == ()


def test_the_environment_decides_the_service_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SERVICE_NAME takes precedence over our own name."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "rtm-2")

    assert service_resource().attributes["service.name"] == "rtm-2"
