"""How an operation ends: the one shape for replays, refusals, successes and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import ErrorCode, RuntimeManagerError
from rtmanager.domain.health import HealthEvent, HealthObservation
from rtmanager.domain.operation import Cause, Outcome
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An outcome, and the state after it.

    `record` is the game's new record, None when there is none. `events` are the health events of
    the operation, `observation` is what the new engine has answered. `leftovers` are containers to
    remove once this is committed.
    """

    outcome: Outcome
    at: datetime
    cause: Cause | None = None
    record: RuntimeRecord | None = None
    events: Sequence[HealthEvent] = ()
    observation: HealthObservation | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    leftovers: Sequence[ContainerId] = ()

    @property
    def latest_event(self) -> HealthEvent | None:
        """The event that becomes the health snapshot: the last one.

        The loss of a predecessor is dated when it was observed, which may be later.
        """
        return self.events[-1] if self.events else None


def replayed(record: RuntimeRecord | None, *, at: datetime) -> Completion:
    """Return the completion of a request whose goal was already reached."""
    cause = Cause(code=ErrorCode.REPLAY_NO_OP, message="")
    return Completion(outcome=Outcome.SUCCESS, at=at, cause=cause, record=record)


def refused(error: RuntimeManagerError, *, at: datetime) -> Completion:
    """Return the completion of a request that was refused before anything was done."""
    return Completion(outcome=Outcome.FAILURE, at=at, cause=Cause.of(error))
