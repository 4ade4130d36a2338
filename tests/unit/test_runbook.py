"""The runbook has an entry for everything that may wake somebody up."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from rtmanager.domain.monitoring.check_readiness import CheckReadiness

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
ENTRIES = re.findall(r"^### (.+)$", RUNBOOK, flags=re.MULTILINE)
PARTS = ("**Meaning.**", "**Look.**", "**Do.**")


def _alerts() -> list[str]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"] if ALERTS.is_file() else []
    return [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]


def _checks() -> list[str]:
    port: Any = SimpleNamespace(ping=None, network_exists=None)
    return list(CheckReadiness(port, port, port, "galaxy-net", port)._checks())  # noqa: SLF001 - its names are in answers


@pytest.mark.parametrize("check", [*_checks(), "shutting down"])
def test_every_readiness_fault_has_an_entry(check: str) -> None:
    """What `/readyz` names can be looked up by that name."""
    assert f"Not ready: {check}" in ENTRIES


def test_every_alert_has_an_entry() -> None:
    """Its heading is the alert's name, so that the alert can link to it."""
    assert [alert for alert in _alerts() if alert not in ENTRIES] == []


def test_no_entry_is_about_an_alert_that_does_not_exist() -> None:
    """An alert that was renamed does not leave its entry behind."""
    entries = [each for each in ENTRIES if not each.startswith("Not ready: ")]

    assert not ALERTS.is_file() or set(entries) == set(_alerts())


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_says_what_it_means_where_to_look_and_what_to_do(entry: str) -> None:
    """In this order, so that it is read quickly at night."""
    text = RUNBOOK.partition(f"### {entry}\n")[2].partition("\n##")[0]

    assert re.findall(r"\*\*\w+\.\*\*", text) == list(PARTS)
