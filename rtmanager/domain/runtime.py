"""The durable record of a game's runtime, and its transitions."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Self

from rtmanager.domain.container import ContainerDetails, ContainerId, ImageId, engine_endpoint
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence


class RuntimeStatus(StrEnum):
    """The status of a runtime (components/schemas/RuntimeRecord of the contract)."""

    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecord:
    """What is known about a game's runtime, as of its last finished operation.

    `fence` is that operation's id: a record is only ever replaced by one with a higher fence.
    `image_id` is the image that ran, so that a restart runs it again even if its tag has moved.
    `current_image_ref` is also None for an adopted container without an image label.
    """

    game_id: GameId
    status: RuntimeStatus
    current_container_id: ContainerId | None
    current_image_ref: str | None
    image_id: ImageId | None
    engine_endpoint: str | None
    state_path: str
    docker_network: str
    started_at: datetime | None
    stopped_at: datetime | None
    removed_at: datetime | None
    last_op_at: datetime
    created_at: datetime
    fence: Fence

    def stopped(self, *, fence: Fence, at: datetime, stopped_at: datetime) -> "RuntimeRecord":
        """Return the record of the same container with its engine stopped at `stopped_at`."""
        return replace(
            self, status=RuntimeStatus.STOPPED, stopped_at=stopped_at, last_op_at=at, fence=fence
        )

    def removed(self, *, fence: Fence, at: datetime) -> "RuntimeRecord":
        """Return the record of a game whose container was removed; its state directory stays."""
        return replace(
            self,
            status=RuntimeStatus.REMOVED,
            current_container_id=None,
            current_image_ref=None,
            image_id=None,
            engine_endpoint=None,
            stopped_at=at if self.status is RuntimeStatus.RUNNING else self.stopped_at,
            removed_at=at,
            last_op_at=at,
            fence=fence,
        )


class ListedRecord(NamedTuple):
    """What a list shows of a record: a tuple, because it is made for thousands of them at once."""

    game_id: GameId
    status: str
    current_container_id: ContainerId | None
    current_image_ref: str | None
    engine_endpoint: str | None
    state_path: str
    docker_network: str
    started_at: datetime | None
    stopped_at: datetime | None
    removed_at: datetime | None
    last_op_at: datetime
    created_at: datetime

    @classmethod
    def of(cls, record: RuntimeRecord) -> Self:
        """Return what a list shows of the record."""
        return cls._make(getattr(record, name) for name in cls._fields)


def running_record(
    container: ContainerDetails,
    *,
    game_id: GameId,
    previous: RuntimeRecord | None,
    fence: Fence,
    at: datetime,
) -> RuntimeRecord:
    """Return the record of a game whose engine runs in this container; keeps `created_at`.

    Everything in it is read from the container, so new and adopted ones are recorded alike.
    """
    return RuntimeRecord(
        game_id=game_id,
        status=RuntimeStatus.RUNNING,
        current_container_id=container.id,
        current_image_ref=container.image_ref,
        image_id=container.image_id,
        engine_endpoint=engine_endpoint(game_id),
        state_path=container.state_path or (previous.state_path if previous else ""),
        docker_network=container.network,
        started_at=container.started_at or at,
        stopped_at=previous.stopped_at if previous else None,
        removed_at=previous.removed_at if previous else None,
        last_op_at=at,
        created_at=previous.created_at if previous else at,
        fence=fence,
    )


def as_observed(
    record: RuntimeRecord, seen: ContainerDetails | None, *, fence: Fence, at: datetime
) -> RuntimeRecord:
    """Return the record as its container shows it; the same object when it agrees.

    `seen` is None when it is gone, never when it is unknown. A container that Docker is removing
    counts as gone. An engine that was lost with its node leaves its record as it is: the reconciler
    starts it elsewhere.
    """
    if seen is not None and seen.is_lost:
        return record
    return as_ended(record, seen, fence=fence, at=at)


def as_ended(
    record: RuntimeRecord, seen: ContainerDetails | None, *, fence: Fence, at: datetime
) -> RuntimeRecord:
    """Return the record as `as_observed` does, however the engine has ended."""
    if record.status is RuntimeStatus.REMOVED:
        return record
    if seen is None or seen.is_being_removed:
        return record.removed(fence=fence, at=at)
    if record.status is RuntimeStatus.RUNNING and not seen.is_running:
        return record.stopped(fence=fence, at=at, stopped_at=seen.finished_at or at)
    return record
