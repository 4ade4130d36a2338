"""Start a game's engine."""

from dataclasses import dataclass

from rtmanager.domain.errors import Conflict
from rtmanager.domain.game_id import GameId
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.lifecycle.health_gate import Gate
from rtmanager.domain.lifecycle.obtain_image import ObtainImage
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol, Plan
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.lifecycle.ruling import Sighting
from rtmanager.domain.operation import OperationKind, OperationRequest, Origin
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


@dataclass(frozen=True, slots=True)
class StartRuntime:
    """Starts a game with an image; a new container replaces an old, stopped one."""

    protocol: OperationProtocol
    images: ObtainImage
    replace: ReplaceContainer
    gate: Gate

    async def run(self, game_id: GameId, image_ref: str, origin: Origin) -> RuntimeRecord:
        """Start the game and return its record.

        A game that already runs this image is a replay. A record that says running while its
        engine has exited or vanished is healed. Raises StartConfigInvalid, Conflict,
        ImagePullFailed, ContainerStartFailed, DockerUnavailable, ServiceUnavailable.
        """
        request = OperationRequest(
            game_id=game_id, kind=OperationKind.START, origin=origin, image_ref=image_ref
        )

        def rule(record: RuntimeRecord | None, sighting: Sighting) -> bool:
            return is_replayed_start(record, ImageRef.parse(image_ref), sighting)

        async def effect(run: OperationRun) -> RuntimeRecord:
            await self.replace.check_network(run)
            image = await self.images.by_reference(run, image_ref)
            return await self.replace.run(run, image_ref, image, self.gate)

        return await self.protocol.run(Plan(request, rule, effect, look=True))


def is_replayed_start(record: RuntimeRecord | None, wanted: ImageRef, sighting: Sighting) -> bool:
    """Tell whether a start has nothing to do; raise Conflict when another image runs."""
    if record is None or record.status is not RuntimeStatus.RUNNING:
        return False
    if not sighting.shows_running():
        return False
    current = record.current_image_ref or ""
    if ImageRef.parse(current).same_image_as(wanted):
        return True
    raise Conflict(
        f"the game runs {current}; stop it first, or patch it within the same minor version"
    )
