"""One operation while it runs: its steps, its lease, and what it has found out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.health import HealthEvent
from rtmanager.domain.operation import Fence, Operation, Step
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.game_lease import GameLease
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(slots=True)
class StepNote:
    """What a step wants remembered beside its duration."""

    text: str | None = None


@dataclass(slots=True, kw_only=True)
class OperationRun:
    """The state of one operation between its intent and its outcome.

    `record` is the record as the rule saw it. `touched` says that Docker may have been changed.
    `predecessor_ran` says whether the old engine ran when the operation met it, None when unknown.
    `down_since` is when we took the old engine's endpoint away, by the monotonic clock.
    `leftovers` are containers to remove once the outcome is committed.
    """

    operation: Operation
    record: RuntimeRecord | None
    lease: GameLease
    clock: Clock
    steps: list[Step] = field(default_factory=list)
    details: dict[str, object] = field(default_factory=dict)
    events: list[HealthEvent] = field(default_factory=list)
    leftovers: list[ContainerId] = field(default_factory=list)
    touched: bool = False
    predecessor_ran: bool | None = None
    down_since: float | None = None

    @property
    def fence(self) -> Fence:
        """The operation's id."""
        return self.operation.id

    @property
    def container_id(self) -> ContainerId | None:
        """The container of the record, if there is one."""
        return self.record.current_container_id if self.record else None

    def endpoint_is_back(self, at: float) -> None:
        """Record how long the endpoint was down, if it was this operation that took it down."""
        if self.down_since is not None:
            self.details["downtime_ms"] = round((at - self.down_since) * 1000, 3)

    @asynccontextmanager
    async def step(self, name: str, *, touches: bool = False) -> AsyncIterator[StepNote]:
        """Run the block as a step: timed, noted, and only while the lease is surely ours.

        `touches` tells that the block changes something in Docker. Raises LeaseLost.
        """
        self.lease.check()
        self.touched = self.touched or touches
        note, at, began = StepNote(), self.clock.now(), self.clock.monotonic()
        try:
            yield note
        except RuntimeManagerError as error:
            self._record(name, at, began, note, error.message)
            raise
        self._record(name, at, began, note, None)

    def _record(
        self, name: str, at: datetime, began: float, note: StepNote, error: str | None
    ) -> None:
        milliseconds = round((self.clock.monotonic() - began) * 1000, 3)
        self.steps.append(Step(name, at, milliseconds, error, note.text))
