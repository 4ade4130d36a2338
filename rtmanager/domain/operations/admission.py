"""Applying a request's rule inside the transaction that begins its operation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.domain.allowed_images import ALL_IMAGES, AllowedImages
from rtmanager.domain.completion import Completion, refused, replayed
from rtmanager.domain.errors import Conflict, RuntimeManagerError, StartConfigInvalid
from rtmanager.domain.messages import announcements
from rtmanager.domain.operation import OperationKind, OperationRequest, Predecessor
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.kinds import KINDS
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import Admission, Ledger
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


def _always() -> bool:
    return True


@dataclass(slots=True)
class RuleCheck:
    """Applies the rule of a request to the record, and keeps the refusal for the caller to raise.

    `expected` is the record whose container was observed. `may_record` is asked before the refusal
    of a game without a record is written.
    """

    request: OperationRequest
    expected: RuntimeRecord | None
    current: Current
    healthy: bool
    at: datetime
    allowed_images: AllowedImages = ALL_IMAGES
    may_record: Callable[[], bool] = _always
    trace_id: str | None = None
    refusal: RuntimeManagerError | None = field(default=None, init=False)

    def __call__(self, ledger: Ledger, /) -> Admission:
        """Decide from the record as the transaction reads it.

        Raises LeaseLost when it differs from `expected`: another process has acted since. Raises
        the refusal itself, so that no row is written, when it may not be recorded.
        """
        if ledger.record != self.expected:
            raise LeaseLost
        kind = KINDS[self.request.kind]
        try:
            if self._is_replay(ledger):
                return self._completed(replayed(ledger.record, at=self.at))
            predecessor = self._predecessor() if kind.replaces else None
            return Admission(predecessor=predecessor, trace_id=self.trace_id)
        except RuntimeManagerError as refusal:
            self.refusal = self._with_what_runs(refusal)
            if ledger.record is None and not self.may_record():
                raise self.refusal from refusal
            return self._completed(refused(self.refusal, at=self.at))

    def _with_what_runs(self, refusal: RuntimeManagerError) -> RuntimeManagerError:
        """Return the refusal of a restart or patch with what runs, which it has not touched."""
        replaced = {OperationKind.RESTART, OperationKind.PATCH}
        known, removed = self.expected, RuntimeStatus.REMOVED
        if known is None or known.status is removed or self.request.kind not in replaced:
            return refusal
        if self.current.error is not None:
            return refusal.extended("nothing was changed")
        if self.current.runs():
            image = known.current_image_ref or "the engine"
            return refusal.extended(f"{image} runs as before")
        return refusal.extended("nothing was changed, and its engine does not run")

    def would_be_admitted(self) -> bool:
        """Return whether the rule admits the request, given the record read before."""
        try:
            return not self._is_replay(Ledger(self.expected))
        except RuntimeManagerError:
            return False

    def _is_replay(self, ledger: Ledger) -> bool:
        """Apply the kind's rule, then refuse to begin what the operator does not allow to run.

        The rule comes first: what it refuses has the same code, and what it finds running is a
        replay, whatever the operator allows.
        """
        kind = KINDS[self.request.kind]
        if kind.rule(self.request, ledger, self.current):
            return True
        if kind.replaces:
            self._check_image(ledger.record)
        return False

    def _check_image(self, record: RuntimeRecord | None) -> None:
        """Raise unless the image may run: the requested one, or for a restart the record's.

        Raises StartConfigInvalid, for a restart Conflict.
        """
        if self.request.kind is OperationKind.RESTART:
            self._check_image_again(record)
        else:
            self.allowed_images.check(self.request.image_ref)

    def _check_image_again(self, record: RuntimeRecord | None) -> None:
        try:
            self.allowed_images.check(record.current_image_ref if record else None)
        except StartConfigInvalid as refusal:
            raise Conflict(
                f"{refusal.message}; patch the game, or stop it and start it with another image"
            ) from refusal

    def _predecessor(self) -> Predecessor | None:
        ran = self.current.runs()
        if self.current.container is None:
            return None
        return Predecessor(container_id=self.current.container.id, ran=ran, healthy=self.healthy)

    def _completed(self, completion: Completion) -> Admission:
        is_new_game = self.expected is None
        messages = announcements(self.request, completion, is_new_game=is_new_game)
        return Admission(completion=completion, messages=messages, trace_id=self.trace_id)
