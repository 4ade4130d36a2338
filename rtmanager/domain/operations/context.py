"""What one holder of an operation knows while it carries it out."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails, ContainerId, ContainerSpec, EngineImage
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.operation import Operation
from rtmanager.domain.operations.observation import GateReading
from rtmanager.domain.ports.game_lease import GameLease
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(slots=True, kw_only=True)
class OperationContext:
    """An operation in the hands of one holder.

    `operation` is written ahead, so it survives; everything else dies with the process, and the
    next holder obtains, prepares, watches and looks again. `record` is the record as the intent
    found it, which only the outcome changes. `known` are the containers to look at, None before the
    first look. `gated` is the container whose gate was read, `trouble` why nobody knows what came
    of the last action. What the last look `found` is as good as a new one while it `is_fresh`.
    """

    operation: Operation
    record: RuntimeRecord | None
    lease: GameLease
    known: set[ContainerId] | None = None
    image: EngineImage | None = None
    spec: ContainerSpec | None = None
    gate: GateReading | None = None
    gated: ContainerId | None = None
    trouble: RuntimeManagerError | None = None
    found: Sequence[ContainerDetails] = ()
    is_fresh: bool = False

    @property
    def image_ref(self) -> str | None:
        """The reference of the image to run: the one asked for, or the one that ran before."""
        return self.operation.request.image_ref or (
            self.record.current_image_ref if self.record else None
        )
