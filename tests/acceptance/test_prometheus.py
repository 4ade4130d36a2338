"""Metrics, alerts and the dashboard, as a real Prometheus sees them."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from dev import grafana_dashboard
from dev.debian_packages import require_command
from dev.free_port import free_port
from rtmanager.handlers.api_tokens import line_of, new_token
from tests.support.calls import ok, wait_until
from tests.support.environment import Environment, NewEnvironment
from tests.support.run import Say
from tests.support.running_service import NO_TLS

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
TYPE = re.compile(r"^# TYPE (rtmanager_\w+)", re.MULTILINE)
SCRAPE_SECONDS = 1
NAME = re.compile(r"\b(?:rtmanager_|process_|up\b)\w*")
SLOWEST = 1.0
"""Seconds within which the page is written even on a busy host; it takes some 20 ms."""
WRITTEN_ONCE = {
    "rtmanager_downtime_seconds",
    "rtmanager_image_pull_duration_seconds",
    "rtmanager_nodes",
}
"""What is empty until something happens that this test does not wait for, or on a single host."""


def promtool(*arguments: str | Path) -> str:
    """Run Prometheus' own checker and return what it says."""
    require_command("promtool", "prometheus", print)
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, cwd=DEPLOY
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    """Return every alert."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> list[str]:
    """Return every expression of the alerts and of the dashboard."""
    panels = json.loads(grafana_dashboard.FILE.read_text())["panels"]
    targets = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [*(rule["expr"] for rule in rules()), *targets]


@pytest.fixture(scope="module")
def token() -> str:
    """Return the token of Prometheus."""
    return new_token()


@pytest.fixture(scope="module")
def environment(
    new_environment: NewEnvironment, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Environment:
    """Return a service that wants tokens."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text(line_of("prometheus", "admin", token) + "\n")
    tokens.chmod(0o600)
    service = new_environment(api_tokens_file=str(tokens))
    return replace(service, headers={"authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def prometheus(
    environment: Environment, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Return a client of a real Prometheus, which scrapes the service by our example."""
    program = require_command("prometheus", "prometheus", print)
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    (folder / "token").write_text(token)
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(config["global"], f"{SCRAPE_SECONDS}s")
    config["rule_files"] = [str(ALERTS)]
    (scrape,) = config["scrape_configs"]
    scrape["authorization"] = {"credentials_file": str(folder / "token")}
    scrape["static_configs"] = [{"targets": [environment.service.url.removeprefix("http://")]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    arguments = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", verify=NO_TLS) as client:
            yield client
    finally:
        process.terminate()
        process.wait(20)


def query(prometheus: httpx.Client, expression: str) -> list[dict[str, Any]]:
    """Return the result of a query; empty while Prometheus is not ready."""
    try:
        answer = prometheus.get("/api/v1/query", params={"query": expression})
    except httpx.TransportError:
        return []
    return list(answer.json()["data"]["result"]) if answer.is_success else []


def test_rules_and_example_are_what_prometheus_expects() -> None:
    """Prometheus' checker accepts the alerts and the example of a configuration."""
    promtool("check", "rules", ALERTS)
    promtool("check", "config", "prometheus/prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    """Every alert has a case with series of its own, in which it is silent first and then fires."""
    promtool("test", "rules", "prometheus/alerts_test.yml")
    cases = yaml.safe_load((DEPLOY / "prometheus" / "alerts_test.yml").read_text())["tests"]
    tested = [[each.get("exp_alerts", []) for each in case["alert_rule_test"]] for case in cases]
    names = [case["alert_rule_test"][0]["alertname"] for case in cases]

    assert sorted(names) == sorted(rule["alert"] for rule in rules())
    assert all(not quiet and firing for quiet, firing in tested)


def test_each_alert_says_how_bad_it_is_and_where_to_read_on() -> None:
    """Whoever is woken up finds the entry of the runbook by the link."""
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"]
        anchor = f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["annotations"]["runbook_url"] == anchor


def test_dashboard_is_written_from_its_table() -> None:
    """`python -m dev.grafana_dashboard` has been run after the last change."""
    assert grafana_dashboard.FILE.read_text() == grafana_dashboard.rendered()


def test_metrics_need_a_token_like_everything_else(environment: Environment) -> None:
    """What the service does is nobody else's business."""
    assert environment.service.request("GET", "/metrics").status_code == 401
    assert environment.service.request("HEAD", "/metrics").status_code == 401


def test_a_real_prometheus_finds_every_metric_and_fires_nothing(
    environment: Environment, prometheus: httpx.Client, game: str, say: Say
) -> None:
    """Every name in alerts and dashboard exists in the service, and all is well there."""
    ok(environment.start(game))
    ok(environment.stop(game))
    wait_until(lambda: query(prometheus, 'rtmanager_operations_total{kind="stop"} > 0'), seconds=20)
    wait_until(lambda: query(prometheus, "rtmanager_runtimes"), seconds=20)
    wait_until(lambda: query(prometheus, "rtmanager_drift"), seconds=20)
    names = {name for each in expressions() for name in NAME.findall(each)}
    missing = {name for name in names if not query(prometheus, f"count({name})")}
    firing = [
        each["metric"]["alertname"] for each in query(prometheus, 'ALERTS{alertstate="firing"}')
    ]
    loaded = prometheus.get("/api/v1/rules").json()["data"]["groups"]
    began = time.monotonic()
    page = environment.call("GET", "/metrics")
    seconds = time.monotonic() - began
    say(f"/metrics has {len(page.content)} bytes and took {seconds * 1000:.0f} ms")

    assert {re.sub("_(bucket|sum|count)$", "", name) for name in missing} <= WRITTEN_ONCE
    assert firing == []
    assert sum(len(group["rules"]) for group in loaded) == len(rules())
    assert all(rule["health"] == "ok" for group in loaded for rule in group["rules"])
    assert seconds < SLOWEST
    assert game not in page.text
    documented, exported = set(ROW.findall(PAGE.read_text())), set(TYPE.findall(page.text))
    assert exported <= documented <= exported | WRITTEN_ONCE


def test_the_dashboards_queries_are_valid(prometheus: httpx.Client) -> None:
    """Prometheus evaluates each of them."""
    wait_until(lambda: query(prometheus, "vector(1)"), seconds=20)
    for expression in expressions():
        asked = expression.replace("$job", "rtmanager").replace("$__rate_interval", "1m")
        answer = prometheus.get("/api/v1/query", params={"query": asked})
        assert answer.is_success, f"{asked}: {answer.text}"
