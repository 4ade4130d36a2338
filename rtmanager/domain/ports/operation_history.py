"""Reading the operation log; only the operation journal writes it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, Operation, OperationKind, OpSource, Outcome
from rtmanager.domain.texts import printable_or_none


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationFilter:
    """Which operations to find; all conditions that are set must hold.

    `is_open` finds those without an outcome. `since` includes its moment, `until` does not.
    """

    game_id: str | None = None
    kind: OperationKind | None = None
    outcome: Outcome | None = None
    is_open: bool = False
    source: OpSource | None = None
    source_ref: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Make the text from outside printable, as it is stored."""
        object.__setattr__(self, "source_ref", printable_or_none(self.source_ref))


class OperationHistory(Protocol):
    """The operation log as it is read. Every method raises ServiceUnavailable."""

    async def get(self, operation_id: Fence) -> Operation | None:
        """Return the operation, None when the log does not have it."""

    async def find(
        self, wanted: OperationFilter, *, limit: int, before: Fence | None = None
    ) -> Sequence[Operation]:
        """Return the newest operations that match, with an id below `before`, newest first."""

    async def finished(self, ids: Collection[Fence]) -> Sequence[Operation]:
        """Return those of these operations that have finished."""

    async def latest(self) -> Mapping[GameId, Operation]:
        """Return the latest operation of every game that has a record.

        Without its steps, details, predecessor and cause.
        """
