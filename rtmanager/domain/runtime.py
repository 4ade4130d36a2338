"""The durable record of a game's runtime and its allowed transitions."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from rtmanager.domain.container import ContainerId, ImageId, engine_endpoint
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence


class RuntimeStatus(StrEnum):
    """The status of a runtime (components/schemas/RuntimeRecord of the contract)."""

    RUNNING = "running"
    STOPPED = "stopped"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeRecord:
    """What is known of one game's runtime, as of its last finished operation.

    `fence` is that operation: a record is only ever replaced by one with a higher fence.
    `image_id` is the very image that ran, so that restart runs it again whatever its tag means now.
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

    def stopped(self, *, fence: Fence, at: datetime) -> "RuntimeRecord":
        """Return the record of the same container, no longer running."""
        return replace(
            self, status=RuntimeStatus.STOPPED, stopped_at=at, last_op_at=at, fence=fence
        )

    def removed(self, *, fence: Fence, at: datetime) -> "RuntimeRecord":
        """Return the record of a game without a container; its state directory stays."""
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


def running_record(  # noqa: PLR0913 - one keyword per fact of a record
    *,
    previous: RuntimeRecord | None,
    game_id: GameId,
    container_id: ContainerId,
    image_ref: str,
    image_id: ImageId,
    state_path: str,
    docker_network: str,
    started_at: datetime,
    at: datetime,
    fence: Fence,
) -> RuntimeRecord:
    """Return the record of a game whose engine runs in `container_id`; `created_at` is kept."""
    return RuntimeRecord(
        game_id=game_id,
        status=RuntimeStatus.RUNNING,
        current_container_id=container_id,
        current_image_ref=image_ref,
        image_id=image_id,
        engine_endpoint=engine_endpoint(game_id),
        state_path=state_path,
        docker_network=docker_network,
        started_at=started_at,
        stopped_at=previous.stopped_at if previous else None,
        removed_at=previous.removed_at if previous else None,
        last_op_at=at,
        created_at=previous.created_at if previous else at,
        fence=fence,
    )
