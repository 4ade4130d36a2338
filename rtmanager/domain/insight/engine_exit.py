"""How an engine ended, as it is kept in the details of its operation."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.container import ContainerId
from rtmanager.domain.operation import ActionName, Operation, Phase
from rtmanager.domain.texts import printable_texts

DETAIL = "exit"
"""The detail of an operation that has all of it; earlier releases have only some, elsewhere."""


class Missed(StrEnum):
    """Why Docker's events of an engine's end were not seen, so that a signal may be unknown.

    A Swarm shows no signals at all. An engine that was lost with its node has not ended by itself.
    """

    DOCKER_AWAY = "docker_away"
    NOT_FOLLOWED = "not_followed"
    NOT_SHOWN = "not_shown"
    NODE_LOST = "node_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineExit:
    """How an engine ended.

    `signals` are those that were sent to it through Docker in its last life, by whomever, the last
    one last, at `signalled_at`. With `missed` there may have been others. `is_overdue` is that of
    an engine which had not ended when the grace period of our stop was over, and was killed.
    """

    container_id: ContainerId | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    signals: tuple[str, ...] = ()
    signalled_at: datetime | None = None
    ended_at: datetime | None = None
    log_tail: tuple[str, ...] = ()
    missed: Missed | None = None
    is_overdue: bool = False

    def __post_init__(self) -> None:
        """Make the texts from outside printable."""
        object.__setattr__(self, "log_tail", printable_texts(self.log_tail))

    @property
    def signal(self) -> str | None:
        """The last signal that was sent to it through Docker; None if none was seen."""
        return self.signals[-1] if self.signals else None

    @property
    def details(self) -> Mapping[str, object]:
        """The exit as it is stored."""
        return {
            "container_id": self.container_id,
            "exit_code": self.exit_code,
            "oom_killed": self.oom_killed,
            "signals": list(self.signals),
            "signalled_at": self.signalled_at and self.signalled_at.isoformat(),
            "ended_at": self.ended_at and self.ended_at.isoformat(),
            "log_tail": list(self.log_tail),
            "missed": self.missed,
            "is_overdue": self.is_overdue,
        }


def exit_of(operation: Operation) -> EngineExit | None:
    """Return how an engine ended that this operation stopped, lost or could not start."""
    stored = operation.details.get(DETAIL)
    if isinstance(stored, Mapping):
        return _stored(stored)
    code, lines = operation.details.get("exit_code"), operation.details.get("log_tail")
    if code is None and lines is None:
        return None
    return EngineExit(
        container_id=operation.container_id,
        exit_code=code if isinstance(code, int) else None,
        oom_killed=operation.details.get("oom") is True,
        ended_at=operation.finished_at,
        log_tail=_texts(lines),
        missed=Missed.NOT_FOLLOWED,
    )


def failed_exit(operation: Operation) -> EngineExit | None:
    """Return how the engine ended that a failed operation had started; None if it had not."""
    cause = operation.cause
    if cause is None or (cause.exit_code is None and not cause.log_tail):
        return None
    started = (
        each.action.container_id
        for each in reversed(operation.steps)
        if each.action.name is ActionName.START and each.phase is Phase.FORWARD
    )
    return EngineExit(
        container_id=next(started, None),
        exit_code=cause.exit_code,
        oom_killed=cause.oom_killed,
        ended_at=cause.ended_at,
        log_tail=cause.log_tail,
    )


def _stored(value: Mapping[str, object]) -> EngineExit:
    container_id, code, missed = (
        value.get(name) for name in ("container_id", "exit_code", "missed")
    )
    return EngineExit(
        container_id=ContainerId(container_id) if isinstance(container_id, str) else None,
        exit_code=code if isinstance(code, int) else None,
        oom_killed=value.get("oom_killed") is True,
        signals=_texts(value.get("signals")),
        signalled_at=_time(value.get("signalled_at")),
        ended_at=_time(value.get("ended_at")),
        log_tail=_texts(value.get("log_tail")),
        missed=Missed(missed) if isinstance(missed, str) else None,
        is_overdue=value.get("is_overdue") is True,
    )


def _time(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
