"""A game's containers as observed at one moment, and what the holder has prepared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.container import ContainerDetails, EngineImage
from rtmanager.domain.operation import Cause, Operation
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReading:
    """The result of the health gate: when the engine answered, or why it failed.

    With neither, the engine ran without answering until the timeout; `error` is its last answer.
    """

    answered_at: datetime | None = None
    error: str | None = None
    failure: Cause | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that a decision depends on besides the operation itself.

    `current` is the record's container, `new` the one that this operation created, `others` are our
    other containers for the game, `stranger` is a container of someone else that has the engine's
    name. `image`, `state_is_ready` and `gate` are the results of this holder; the next holder
    obtains them again.
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
        """All our containers for the game."""
        named = (each for each in (self.current, self.new) if each is not None)
        return (*named, *self.others)

    def overtaking(self, operation: Operation) -> ContainerDetails | None:
        """Return a running engine of a later operation, which an outdated backup does not know.

        The record's own container never counts: it was adopted.
        """
        return next((each for each in self.others if overtakes(each, operation)), None)

    def subject(self, operation: Operation) -> ContainerDetails | None:
        """Return the container to reconcile."""
        wanted = operation.request.container_id
        return next((each for each in self.ours if each.id == wanted), None)


def overtakes(container: ContainerDetails, operation: Operation) -> bool:
    """Return whether the container runs and was created by an operation with a higher fence."""
    is_later = container.fence is not None and container.fence > operation.id
    return is_later and container.is_running
