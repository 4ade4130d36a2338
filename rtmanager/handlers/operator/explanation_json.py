"""Rendering an explanation as the operator contract defines it."""

from datetime import datetime

from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.insight.explanation import Explanation
from rtmanager.domain.insight.facts import Facts
from rtmanager.domain.reconciliation.drift_findings import Finding
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.operator.event_json import finding_json
from rtmanager.handlers.rendering import exit_json, health_json, operation_json, timestamp


def explanation_json(explanation: Explanation) -> JsonObject:
    """Return an explanation."""
    facts = explanation.facts
    record, ended, health = facts.record, facts.engine_exit, facts.health
    return {
        "game_id": facts.game_id,
        "summary": explanation.summary,
        "status": record and record.status,
        "image_ref": _image(facts),
        "since": timestamp(_since(record)) if record else None,
        "cause": facts.cause and operation_json(facts.cause),
        "open_operation": facts.open_operation and operation_json(facts.open_operation),
        "operations": [operation_json(each) for each in facts.operations],
        "exit": ended and exit_json(ended),
        "health": health and health_json(health),
        "drift": [finding_json(Finding(each)) for each in facts.drift],
        "container": facts.container and _container_json(facts.container),
        "docker_error": facts.docker_error,
    }


def _image(facts: Facts) -> str | None:
    """Return the image of the record, or else the one that was last asked for."""
    if facts.record is not None:
        return facts.record.current_image_ref
    return next((each.request.image_ref for each in facts.operations), None)


def _since(record: RuntimeRecord) -> datetime | None:
    times = {
        RuntimeStatus.RUNNING: record.started_at,
        RuntimeStatus.STOPPED: record.stopped_at,
        RuntimeStatus.REMOVED: record.removed_at,
    }
    return times[record.status]


def _container_json(seen: ContainerDetails) -> JsonObject:
    has_ended = seen.was_started and not seen.is_running
    return {
        "container_id": seen.id,
        "name": seen.name,
        "state": seen.status,
        "exit_code": seen.exit_code if has_ended else None,
        "oom_killed": seen.oom_killed,
        "started_at": timestamp(seen.started_at),
        "finished_at": timestamp(seen.finished_at) if has_ended else None,
        "node": seen.placement and seen.placement.name,
        "is_out_of_reach": seen.is_out_of_reach,
    }
