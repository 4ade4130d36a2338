"""Restart a game's engine with the image that it ran before."""

from dataclasses import dataclass

from rtmanager.domain.errors import Conflict, ContainerStartFailed, NotFound, StartConfigInvalid
from rtmanager.domain.game_id import GameId
from rtmanager.domain.lifecycle.health_gate import Gate
from rtmanager.domain.lifecycle.obtain_image import ObtainImage
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol, Plan
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.lifecycle.ruling import Sighting
from rtmanager.domain.operation import OperationKind, OperationRequest, Origin
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


@dataclass(frozen=True, slots=True)
class RestartRuntime:
    """Runs a game's very image again, in a new container."""

    protocol: OperationProtocol
    images: ObtainImage
    replace: ReplaceContainer
    gate: Gate

    async def run(self, game_id: GameId, origin: Origin) -> RuntimeRecord:
        """Restart the game and return its record: a new container id, the same endpoint.

        A stopped game runs afterwards. Raises NotFound, Conflict when its container was cleaned up,
        ImagePullFailed, ContainerStartFailed, DockerUnavailable, ServiceUnavailable.
        """
        request = OperationRequest(game_id=game_id, kind=OperationKind.RESTART, origin=origin)
        return await self.protocol.run(Plan(request, check_restart, self._restart))

    async def _restart(self, run: OperationRun) -> RuntimeRecord:
        image_ref = (run.record and run.record.current_image_ref) or ""
        try:
            await self.replace.check_network(run)
            image = await self.images.for_restart(run, image_ref)
            return await self.replace.run(run, image_ref, image, self.gate)
        except StartConfigInvalid as error:
            # The contract knows no 400 for a request that carries nothing which could be wrong.
            raise ContainerStartFailed(error.message) from error


def check_restart(record: RuntimeRecord | None, _: Sighting) -> bool:
    """Raise unless there is a container to restart; a restart is never a replay."""
    if record is None:
        raise NotFound
    if record.status is RuntimeStatus.REMOVED:
        raise Conflict("the game's container was removed; start the game with an image instead")
    return False
