"""What operations of this process observed last of their games, kept in memory for a while."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Outcome
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.runtime import RuntimeRecord

KEPT = 256
"""Games that are remembered: an operation's own events arrive within moments of its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastObservation:
    """The observation on which an operation has ended, and the record that it left.

    `began` is its place among the moments of this process. `inspected` are all containers that
    Docker was asked about, `found` those that it has.
    """

    began: int
    inspected: frozenset[ContainerId]
    found: Sequence[ContainerDetails]
    record: RuntimeRecord | None


@dataclass(slots=True)
class LastObservations:
    """Remembers the games whose operations have ended last."""

    _latest: OrderedDict[GameId, LastObservation] = field(default_factory=OrderedDict, init=False)
    _moments: "count[int]" = field(default_factory=lambda: count(1), init=False)

    def moment(self) -> int:
        """Return the present moment: a number larger than any before, whatever the clock does."""
        return next(self._moments)

    def note(self, context: OperationContext, ended: Completion) -> None:
        """Remember what a success was decided on, so that its own events name nothing new.

        The outcome must be committed. A failure is not remembered.
        """
        if ended.outcome is not Outcome.SUCCESS:
            return
        game_id = context.operation.game_id
        observation = LastObservation(
            began=context.observed,
            inspected=frozenset(context.known or ()),
            found=context.found,
            record=ended.record or context.record,
        )
        self._latest.pop(game_id, None)
        self._latest[game_id] = observation
        while len(self._latest) > KEPT:
            self._latest.popitem(last=False)

    def of(self, game_id: GameId) -> LastObservation | None:
        """Return the game's last observation, if it is remembered."""
        return self._latest.get(game_id)
