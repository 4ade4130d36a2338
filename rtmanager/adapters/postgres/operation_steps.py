"""The steps of an operation as they are stored, in JSON."""

from datetime import datetime
from typing import Any

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Action, ActionName, Phase, Step, StepResult

# The step names of version 0.1. Some only inspected, for which there is no action any more: the
# nearest is the watch, which changes nothing either.
_FORMER_NAMES = {
    "find_image": ActionName.OBTAIN_IMAGE,
    "pull_image": ActionName.OBTAIN_IMAGE,
    "prepare_state_directory": ActionName.PREPARE_STATE,
    "park_predecessor": ActionName.PARK,
    "rename_container": ActionName.UNPARK,
    "unpark_predecessor": ActionName.UNPARK,
    "stop_container": ActionName.STOP,
    "stop_predecessor": ActionName.STOP,
    "create_container": ActionName.CREATE,
    "start_container": ActionName.START,
    "start_predecessor": ActionName.START,
    "health_gate": ActionName.WATCH_GATE,
    "remove_container": ActionName.REMOVE,
    "remove_stale_container": ActionName.REMOVE,
    "remove_new_container": ActionName.REMOVE,
}
_FORMERLY_BACK = {"remove_new_container", "unpark_predecessor", "start_predecessor"}


def step_value(step: Step) -> dict[str, object]:
    """Return a step as it is stored, with the fields that the previous release reads."""
    return {
        "name": step.action.name,
        "container_id": step.action.container_id,
        "address": step.action.address,
        "phase": step.phase,
        "started_at": step.started_at.isoformat(),
        "duration_ms": step.duration_ms,
        "result": step.result,
        "error_code": step.error_code,
        "error": step.error,
        "detail": step.detail,
        "note": step.note,
    }


def step_from(value: dict[str, Any]) -> Step:
    """Read a step, also of another release: a name that is no action is kept in the note."""
    if "phase" not in value:
        return _former_step(value)
    return Step(
        action=Action(
            _action_name(value["name"]), _container_id(value["container_id"]), value["address"]
        ),
        phase=Phase(value["phase"]),
        started_at=datetime.fromisoformat(value["started_at"]),
        duration_ms=value["duration_ms"],
        result=StepResult(value["result"]) if value["result"] else None,
        error_code=ErrorCode(value["error_code"]) if value["error_code"] else None,
        error=value["error"],
        detail=value.get("detail"),  # the previous release has none
        note=_note(value),
    )


def _former_step(value: dict[str, Any]) -> Step:
    return Step(
        action=Action(_action_name(value["name"])),
        phase=Phase.BACK if value["name"] in _FORMERLY_BACK else Phase.FORWARD,
        started_at=datetime.fromisoformat(value["started_at"]),
        duration_ms=value["duration_ms"],
        result=StepResult.REFUSED if value["error"] else StepResult.DONE,
        error=value["error"],
        note=_note(value),
    )


def _action_name(name: str) -> ActionName:
    if _is_action(name):
        return ActionName(name)
    return _FORMER_NAMES.get(name, ActionName.WATCH_GATE)


def _note(value: dict[str, Any]) -> str | None:
    name, note = value["name"], value["note"]
    if _is_action(name):
        return None if note is None else str(note)
    return f"{name}: {note}" if note else str(name)


def _is_action(name: str) -> bool:
    return name in set(ActionName)


def _container_id(text: str | None) -> ContainerId | None:
    return ContainerId(text) if text else None
