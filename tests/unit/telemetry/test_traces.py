import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from rtmanager.telemetry.traces import exporter_names, tracer_provider

MAKE_A_SPAN = """
import os, sys
from opentelemetry import trace
from rtmanager.telemetry.traces import exported_traces

with exported_traces(os.environ):
    with trace.get_tracer("t").start_as_current_span("start game"):
        pass
print("sdk loaded:", "opentelemetry.sdk" in sys.modules, file=sys.stderr)
"""


def make_a_span(**environment: str) -> subprocess.CompletedProcess[str]:
    """Make one span in a new process, because exporters are chosen once per process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", MAKE_A_SPAN],
        env={**clean, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        check=True,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({}, ()),
        ({"OTEL_TRACES_EXPORTER": ""}, ()),
        ({"OTEL_TRACES_EXPORTER": "none"}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp",)),
        ({"OTEL_TRACES_EXPORTER": "otlp, Console,otlp"}, ("otlp", "console")),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}, ()),
    ],
)
def test_exporters_are_chosen_by_opentelemetrys_own_variables(
    environment: Mapping[str, str], names: tuple[str, ...]
) -> None:
    """Only the exporters that OpenTelemetry's variables name are active; by default none is."""
    assert exporter_names(environment) == names


def test_without_exporter_nothing_is_written_and_no_sdk_loaded() -> None:
    """Disabled tracing writes nothing and does not load the SDK."""
    done = make_a_span()

    assert done.stdout == ""
    assert done.stderr == "sdk loaded: False\n"


def test_the_console_exporter_writes_spans_of_the_service() -> None:
    """The console exporter writes each span with its service's name."""
    span = json.loads(make_a_span(OTEL_TRACES_EXPORTER="console").stdout)

    assert span["name"] == "start game"
    assert span["resource"]["attributes"]["service.name"] == "rtmanager"


def test_the_environment_decides_the_service_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """OTEL_SERVICE_NAME takes precedence over our own name."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "rtm-2")

    provider = tracer_provider(())

    assert provider.resource.attributes["service.name"] == "rtm-2"
    provider.shutdown()
