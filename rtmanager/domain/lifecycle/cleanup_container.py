"""Remove the container of a stopped game."""

from dataclasses import dataclass

from rtmanager.domain.errors import Conflict, InternalError, NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol, Plan
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.ruling import Sighting
from rtmanager.domain.operation import OperationKind, OperationRequest, Origin
from rtmanager.domain.ports.container_engine import ContainerEngine
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


@dataclass(frozen=True, slots=True)
class CleanupContainer:
    """Removes a stopped game's container; the state directory is not touched."""

    protocol: OperationProtocol
    engine: ContainerEngine

    async def run(self, game_id: GameId, origin: Origin) -> RuntimeRecord:
        """Remove the container and return the game's record, which says removed.

        A game without a container is a replay. Raises NotFound, Conflict when the game runs,
        DockerUnavailable, ServiceUnavailable.
        """
        request = OperationRequest(
            game_id=game_id, kind=OperationKind.CLEANUP_CONTAINER, origin=origin
        )
        return await self.protocol.run(self.plan(request))

    def plan(self, request: OperationRequest) -> Plan:
        """Return how a cleanup is done, for whoever asks for it."""
        return Plan(request, is_replayed_cleanup, self._clean_up)

    async def _clean_up(self, run: OperationRun) -> RuntimeRecord:
        if run.record is None:
            raise InternalError
        ours = await self.engine.containers_of(run.operation.game_id)
        # The record's own container goes last: while another is left, a cleanup can be repeated.
        for container in sorted(ours, key=lambda each: each.id == run.container_id):
            async with run.step("remove_container", touches=True) as note:
                note.text = container.name
                await self.engine.remove(container.id)
        return run.record.removed(fence=run.fence, at=run.clock.now())


def is_replayed_cleanup(record: RuntimeRecord | None, _: Sighting) -> bool:
    """Tell whether a cleanup has nothing to do; raise Conflict while the game runs."""
    if record is None:
        raise NotFound
    if record.status is RuntimeStatus.RUNNING:
        raise Conflict("the game runs; stop it before its container is removed")
    return record.status is RuntimeStatus.REMOVED
