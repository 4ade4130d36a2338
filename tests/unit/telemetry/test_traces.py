import json
import os
import subprocess
import sys

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
