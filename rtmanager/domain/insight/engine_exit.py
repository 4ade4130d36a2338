"""How an engine ended, as it is kept in the details of its operation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.container import ContainerId
from rtmanager.domain.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineExit:
    """How an engine ended. `signal` is the last one that was sent to it through Docker."""

    container_id: ContainerId | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    signal: str | None = None
    ended_at: datetime | None = None
    log_tail: tuple[str, ...] = ()


def exit_of(operation: Operation) -> EngineExit | None:
    """Return how an engine ended that this operation stopped, lost or could not start."""
    details: Mapping[str, object] = operation.details
    code, lines = details.get("exit_code"), details.get("log_tail")
    if code is None and lines is None:
        return None
    return EngineExit(
        container_id=operation.container_id,
        exit_code=code if isinstance(code, int) else None,
        ended_at=operation.finished_at,
        log_tail=tuple(map(str, lines)) if isinstance(lines, list) else (),
    )
