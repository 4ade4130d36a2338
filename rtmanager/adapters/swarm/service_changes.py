"""What a change makes of a service's specification; all else stays as it was read."""

from collections.abc import Mapping
from typing import Any

from rtmanager.adapters.swarm.service_json import ServiceView


def with_labels(view: ServiceView, given: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the specification with these labels, without those that are None."""
    together = {**view.labels, **given}
    kept = {name: text for name, text in together.items() if text is not None}
    return {**view.spec, "Labels": kept}


def scaled(spec: Mapping[str, Any], replicas: int) -> dict[str, Any]:
    """Return the specification with this many tasks."""
    return {**spec, "Mode": {"Replicated": {"Replicas": replicas}}}


def in_run(spec: Mapping[str, Any], run: int) -> dict[str, Any]:
    """Return the specification for the start of this number, which makes a new task."""
    return {**spec, "TaskTemplate": {**spec["TaskTemplate"], "ForceUpdate": run}}
