"""Watches every write to the store: the invariants that must hold at every moment of a history."""

from typing import TYPE_CHECKING

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.runtime import RuntimeRecord
from tests.simulation.lease_watch import LeaseWatch
from tests.simulation.message_watch import MessageWatch
from tests.simulation.outcome_watch import OutcomeWatch
from tests.simulation.stream_watch import StreamWatch

if TYPE_CHECKING:
    from tests.simulation.universe import Universe


class Witness:
    """Sees each write as it happens, and the whole world after each step."""

    def __init__(self, universe: "Universe") -> None:
        self._universe = universe
        self._finished: Operation | None = None
        self.leases = LeaseWatch(universe)
        self.messages = MessageWatch(universe)
        self.outcomes = OutcomeWatch(universe)
        self.streams = StreamWatch(universe)

    def operation_written(self, fence: Fence, old: Operation | None, new: Operation) -> None:
        """Demand that a row gets one outcome and keeps it, and that one at most is open."""
        if old is not None and old.outcome is not None:
            self._universe.violation(f"operation {fence} had {old.outcome} and was written again")
        if new.outcome is not None:
            self._finished = new
        elif any(
            each.outcome is None and each.id != fence and each.game_id == new.game_id
            for each in self._universe.store.operations.values()
        ):
            self._universe.violation(f"operation {fence} is open beside another one")
        if old is None:
            self.outcomes.begun(new)

    def record_written(
        self, game_id: GameId, old: RuntimeRecord | None, new: RuntimeRecord
    ) -> None:
        """Demand that it comes with an operation's outcome, goes forward, and was so in Docker."""
        if self._finished is None or self._finished.id != new.fence:
            self._universe.violation(f"{game_id} changed without an outcome of {new.fence}")
        if old is not None and new.fence <= old.fence:
            self._universe.violation(f"the fence of {game_id} went {old.fence} -> {new.fence}")
        if old is not None and new.created_at != old.created_at:
            self._universe.violation(f"created_at of {game_id} changed")
        if not self._universe.truth.was_as(new, self.leases.since(game_id)):
            self._universe.violation(f"operation {new.fence} wrote {new.status}: it never was so")

    def before_step(self) -> None:
        """Remember how the records are, for the judgement of the next step."""
        self._finished = None
        self.messages.before_step()

    def after_step(self) -> None:
        """Judge the outcome and the messages that were committed in the step."""
        if self._finished is not None:
            self.outcomes.finished(self._finished)
        self.messages.after_step()
        self.streams.after_step()
