"""Applying a domain rule to the record inside the intent transaction."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.domain.announcements import Ending, announcements
from rtmanager.domain.errors import DockerUnavailable, ErrorCode, RuntimeManagerError
from rtmanager.domain.operation import OperationRequest, Outcome
from rtmanager.domain.ports.container_engine import EngineRefused
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import PROCEED, Verdict
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True)
class Sighting:
    """A look at the record's engine, which may have failed: running, not running or unknown."""

    running: bool = False
    trouble: DockerUnavailable | EngineRefused | None = None

    def shows_running(self) -> bool:
        """Tell whether the engine runs; raise the look's trouble when that is unknown."""
        if self.trouble is not None:
            raise self.trouble
        return self.running


Rule = Callable[[RuntimeRecord | None, Sighting], bool]
"""A domain rule: True for a replay, False to go on; refuses by raising a RuntimeManagerError."""


@dataclass(slots=True)
class Ruling:
    """One rule applied to one request; keeps the refusal, for the caller to raise."""

    request: OperationRequest
    rule: Rule
    expected: RuntimeRecord | None
    sighting: Sighting
    at: datetime
    refusal: RuntimeManagerError | None = field(default=None, init=False)

    def __call__(self, record: RuntimeRecord | None) -> Verdict:
        """Decide on the record as the intent transaction reads it.

        Raises LeaseLost when it is not the record that was looked at: then someone else acted.
        """
        if record != self.expected:
            raise LeaseLost
        try:
            replay = self.rule(record, self.sighting)
        except RuntimeManagerError as refusal:
            self.refusal = refusal
            return refused(self.request, refusal, at=self.at)
        return _replayed(self.request, record, at=self.at) if replay else PROCEED


def refused(request: OperationRequest, error: RuntimeManagerError, *, at: datetime) -> Verdict:
    """Return the verdict on a request that is refused with `error`."""
    ending = Ending(
        outcome=Outcome.FAILURE, error_code=error.code, error_message=error.message, at=at
    )
    return _verdict(request, ending)


def _replayed(request: OperationRequest, record: RuntimeRecord | None, *, at: datetime) -> Verdict:
    ending = Ending(
        outcome=Outcome.SUCCESS, error_code=ErrorCode.REPLAY_NO_OP, record=record, at=at
    )
    return _verdict(request, ending)


def _verdict(request: OperationRequest, ending: Ending) -> Verdict:
    return Verdict(
        outcome=ending.outcome,
        error_code=ending.error_code,
        error_message=ending.error_message,
        messages=announcements(request, ending),
    )
