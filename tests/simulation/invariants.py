"""The invariants that hold at every moment of a history, checked at every write to the store."""

from typing import TYPE_CHECKING

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, LeaseNumber, Operation, Phase
from rtmanager.domain.runtime import RuntimeRecord
from tests.simulation.events import Expectation
from tests.simulation.holder_invariants import CallInvariants, LeaseInvariants
from tests.simulation.message_invariants import MessageInvariants, StreamInvariants
from tests.simulation.oracle import Oracle
from tests.simulation.outcome_invariants import OutcomeInvariants

if TYPE_CHECKING:
    from tests.simulation.environment import Environment


class Invariants:
    """Checks each write as it happens, and the whole environment after each step."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._finished: list[Operation] = []
        self._records: list[RuntimeRecord] = []
        self.calls = CallInvariants(environment)
        self.leases = LeaseInvariants(environment)
        self.messages = MessageInvariants(environment)
        self.oracle = Oracle(environment)
        self.outcomes = OutcomeInvariants(environment)
        self.streams = StreamInvariants(environment)

    def operation_written(self, fence: Fence, old: Operation | None, new: Operation) -> None:
        """Check that a row gets one outcome and keeps it, and that at most one is open per game."""
        if old is not None and old.outcome is not None:
            words = f"operation {fence} had {old.outcome} and was written again"
            self._environment.violation(words)
        if new.outcome is not None:
            self._finished.append(new)
        elif any(
            each.outcome is None and each.id != fence and each.game_id == new.game_id
            for each in self._environment.store.operations.values()
        ):
            self._environment.violation(f"operation {fence} is open while another one is")
        if old is not None and not _continues(old, self.calls.must_know(old), new):
            self._environment.violation(f"operation {fence} lost recorded steps")
        if old is None:
            self.outcomes.begun(new)
            self.oracle.begun(new)
        elif old.lost == new.lost and old != new:
            self.leases.written(fence)

    def holder_written(self, fence: Fence, _: LeaseNumber | None, new: LeaseNumber) -> None:
        """Check that operations pass from earlier holders to later ones."""
        self.leases.held(fence, new)

    def record_written(
        self, game_id: GameId, old: RuntimeRecord | None, new: RuntimeRecord
    ) -> None:
        """Check that a record's fence never goes back, and that its status was true in Docker."""
        self._records.append(new)
        if old is not None and new.fence <= old.fence:
            self._environment.violation(f"the fence of {game_id} went {old.fence} -> {new.fence}")
        if old is not None and new.created_at != old.created_at:
            self._environment.violation(f"created_at of {game_id} changed")
        if not self._environment.truth.was_as(new, self.leases.since(game_id)):
            words = f"operation {new.fence} wrote {new.status}, which was never true"
            self._environment.violation(words)

    def expect(self, expected: Expectation) -> None:
        """Set what may be expected of this history."""
        self.outcomes.expect(expected)
        self.oracle.expect(expected)

    def forget(self) -> None:
        """Forget what the database contained: it was replaced."""
        self.leases.forget()
        self.outcomes.forget()
        self.messages.forget()

    def before_step(self) -> None:
        """Remember the records as they are, to check the next step."""
        self._finished.clear()
        self._records.clear()
        self.messages.before_step()

    def after_step(self) -> None:
        """Check the outcome and the messages that were committed in this step."""
        self._check_records()
        for operation in self._finished:
            self.outcomes.finished(operation)
            self.oracle.finished(operation)
            self._environment.tally.ended(operation)
        self._finished.clear()
        self.messages.after_step()
        self.streams.after_step()

    def _check_records(self) -> None:
        """Check that a record changes only together with an operation's outcome."""
        ended = {each.id for each in self._finished}
        for record in self._records:
            if record.fence not in ended:
                words = f"{record.game_id} changed without an outcome of {record.fence}"
                self._environment.violation(words)
        self._records.clear()


def _continues(old: Operation, steps: int, new: Operation) -> bool:
    """Return whether the operation still has its steps, its cause and its phase."""
    known = len(new.steps) >= steps and (old.cause is None or new.cause == old.cause)
    return known and (old.phase is Phase.FORWARD or new.phase is Phase.BACK)
