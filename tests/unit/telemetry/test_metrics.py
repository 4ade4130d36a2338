import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

COUNT = """
import os, sys
from opentelemetry import metrics
from rtmanager.telemetry.metrics import exported_metrics

# As modules do: the counter is there before it is known whether anything is exported.
counter = metrics.get_meter("t").create_counter("rtmanager.connections.refused")
with exported_metrics(os.environ) as exposition:
    counter.add(2, {"reason": "not_admitted"})
    counter.add(1, {"reason": "not_admitted"})
    for accept in ("*/*", "application/openmetrics-text;version=1.0.0"):
        text, media_type = exposition.text(accept)
        print(media_type, text.decode(), sep="\\n", end="----\\n", file=sys.stderr)
"""


def count(**environment: str) -> subprocess.CompletedProcess[str]:
    """Count three in a new process, because exporters are chosen once per process."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", COUNT],
        env={**clean, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        check=True,
        capture_output=True,
        text=True,
    )


def test_without_exporter_metrics_are_only_there_for_prometheus() -> None:
    """Prometheus reads what was counted before anything else was set; nothing is written."""
    done = count()
    text, open_metrics, _ = done.stderr.split("----\n")

    assert done.stdout == ""
    assert 'rtmanager_connections_refused_total{reason="not_admitted"} 3.0\n' in text
    assert "process_resident_memory_bytes " in text
    assert text.startswith("text/plain; version=0.0.4; charset=utf-8\n")
    assert open_metrics.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert open_metrics.endswith("# EOF\n")


def test_the_console_exporter_writes_counters_of_the_service_at_the_end() -> None:
    """A counter is written with its service's name, its reason and its sum; and for Prometheus."""
    done = count(OTEL_METRICS_EXPORTER="console")
    (exported,) = json.loads(done.stdout)["resource_metrics"]
    metrics = [each for scope in exported["scope_metrics"] for each in scope["metrics"]]
    (metric,) = (each for each in metrics if each["name"] == "rtmanager.connections.refused")
    (point,) = metric["data"]["data_points"]

    assert exported["resource"]["attributes"]["service.name"] == "rtmanager"
    assert (point["attributes"], point["value"]) == ({"reason": "not_admitted"}, 3)
    assert 'rtmanager_connections_refused_total{reason="not_admitted"} 3.0\n' in done.stderr


def test_opentelemetry_can_be_switched_off() -> None:
    """Its own variable ends all counting; what Python measures of the process is left."""
    done = count(OTEL_SDK_DISABLED="true", OTEL_METRICS_EXPORTER="console")

    assert done.stdout == ""
    assert "rtmanager_" not in done.stderr
    assert "process_resident_memory_bytes " in done.stderr


def test_the_otlp_exporter_sends_them_to_the_collector() -> None:
    """Counters arrive where OpenTelemetry's variables say."""
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        collector.timeout = 20
        Thread(target=collector.handle_request).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        count(
            OTEL_METRICS_EXPORTER="otlp",
            OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
            OTEL_EXPORTER_OTLP_COMPRESSION="none",
        )

    ((path, body),) = received
    assert path == "/v1/metrics"
    assert b"rtmanager.connections.refused" in body
