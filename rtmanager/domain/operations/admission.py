"""Applying a request's rule inside the transaction that begins its operation."""

from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.domain.completion import Completion, refused, replayed
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.messages import announcements
from rtmanager.domain.operation import OperationRequest, Predecessor
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.kinds import KINDS
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import Admission, Ledger
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(slots=True)
class RuleCheck:
    """Applies the rule of a request to the record, and keeps the refusal for the caller to raise.

    `expected` is the record whose container was observed.
    """

    request: OperationRequest
    expected: RuntimeRecord | None
    current: Current
    healthy: bool
    at: datetime
    refusal: RuntimeManagerError | None = field(default=None, init=False)

    def __call__(self, ledger: Ledger) -> Admission:
        """Decide from the record as the transaction reads it.

        Raises LeaseLost when it differs from `expected`: another process has acted since.
        """
        if ledger.record != self.expected:
            raise LeaseLost
        kind = KINDS[self.request.kind]
        try:
            if kind.rule(self.request, ledger, self.current):
                return self._completed(replayed(ledger.record, at=self.at))
            return Admission(predecessor=self._predecessor() if kind.replaces else None)
        except RuntimeManagerError as refusal:
            self.refusal = refusal
            return self._completed(refused(refusal, at=self.at))

    def would_be_admitted(self) -> bool:
        """Return whether the rule admits the request, given the record read before."""
        try:
            return not KINDS[self.request.kind].rule(
                self.request, Ledger(self.expected), self.current
            )
        except RuntimeManagerError:
            return False

    def _predecessor(self) -> Predecessor | None:
        ran = self.current.runs()
        if self.current.container is None:
            return None
        return Predecessor(container_id=self.current.container.id, ran=ran, healthy=self.healthy)

    def _completed(self, completion: Completion) -> Admission:
        return Admission(completion=completion, messages=announcements(self.request, completion))
