"""The Grafana dashboard, made from the table of its panels by `python -m dev.grafana_dashboard`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana"
FILE, TABLE = FOLDER / "rtmanager.json", FOLDER / "panels.yml"

_WIDTH, _HEIGHT, _IN_A_ROW = 8, 8, 3
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, Any]


def dashboard() -> Json:
    """Return the dashboard as Grafana imports it."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {
        "title": "Galaxy Runtime Manager",
        "uid": "galaxy-rtmanager",
        "tags": ["galaxy"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_data_source(), _job()]},
        "panels": list(_panels(rows)),
    }


def _data_source() -> Json:
    return {
        "name": "datasource",
        "type": "datasource",
        "query": "prometheus",
        "label": "Prometheus",
    }


def _job() -> Json:
    return {
        "name": "job",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": "label_values(rtmanager_build_info, job)", "refId": "job"},
        "refresh": 1,
        "current": {"text": "rtmanager", "value": "rtmanager"},
    }


def _panels(rows: Mapping[str, Sequence[Json]]) -> Iterator[Json]:
    numbers, top = count(1), 0
    for title, panels in rows.items():
        place = {"x": 0, "y": top, "w": _WIDTH * _IN_A_ROW, "h": 1}
        yield {"id": next(numbers), "type": "row", "title": title, "gridPos": place, "panels": []}
        top += 1
        for index, panel in enumerate(panels):
            across, down = index % _IN_A_ROW, index // _IN_A_ROW
            place = {"x": across * _WIDTH, "y": top + down * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            yield _rendered(panel, next(numbers), place)
        top += -(-len(panels) // _IN_A_ROW) * _HEIGHT


def _rendered(panel: Json, number: int, place: Json) -> Json:
    unit = panel.get("unit", "none")
    return {
        "id": number,
        "type": panel.get("type", "timeseries"),
        "title": panel["title"],
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": letter,
                "datasource": _SOURCE,
                "expr": query["expr"],
                "legendFormat": query["legend"],
            }
            for letter, query in zip("ABCD", panel["queries"], strict=False)
        ],
    }


def rendered() -> str:
    """Return the text of the file."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
