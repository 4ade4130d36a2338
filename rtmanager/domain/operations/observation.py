"""What was observed of a game's containers at one moment, and what its holder has prepared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.container import ContainerDetails, EngineImage
from rtmanager.domain.operation import Cause, Operation
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReading:
    """The result of watching the new engine: when it answered, or why it failed.

    With neither, the time was up while it ran without answering.
    """

    answered_at: datetime | None = None
    failure: Cause | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that a decision depends on beside the operation itself.

    `current` is the record's container, `new` what this operation has created, `others` are
    containers of ours for the game that are neither, `stranger` is another's container that has the
    engine's name. `image`, `state_is_ready` and `gate` are what this holder of the operation has
    obtained, prepared and watched; the next holder repeats them.
    """

    at: datetime
    record: RuntimeRecord | None
    current: ContainerDetails | None = None
    new: ContainerDetails | None = None
    others: Sequence[ContainerDetails] = ()
    stranger: ContainerDetails | None = None
    image: EngineImage | None = None
    state_is_ready: bool = False
    gate: GateReading | None = None

    @property
    def ours(self) -> Sequence[ContainerDetails]:
        """Every container of ours for the game."""
        named = (each for each in (self.current, self.new) if each is not None)
        return (*named, *self.others)

    def overtaking(self, operation: Operation) -> ContainerDetails | None:
        """Return a running engine of a later operation: the database was restored from a backup.

        The record's own counts as this database's, whoever made it: it was adopted.
        """
        return next((each for each in self.others if overtakes(each, operation)), None)

    def subject(self, operation: Operation) -> ContainerDetails | None:
        """Return the container that a reconciliation is about."""
        wanted = operation.request.container_id
        return next((each for each in self.ours if each.id == wanted), None)


def overtakes(container: ContainerDetails, operation: Operation) -> bool:
    """Return whether the container runs, and was made by an operation with a higher fence."""
    is_later = container.fence is not None and container.fence > operation.id
    return is_later and container.is_running
