"""Move a game's engine to another patch level of its version."""

from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails
from rtmanager.domain.errors import Conflict, NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.image_ref import ImageRef, check_patch
from rtmanager.domain.lifecycle.health_gate import Gate
from rtmanager.domain.lifecycle.obtain_image import ObtainImage
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol, Plan
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.lifecycle.ruling import Sighting
from rtmanager.domain.operation import OperationKind, OperationRequest, Origin
from rtmanager.domain.ports.container_engine import ContainerEngine
from rtmanager.domain.ports.engine_probe import EngineProbe
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


@dataclass(frozen=True, slots=True)
class PatchRuntime:
    """Replaces a game's image within its major and minor version, behind a health gate.

    `gate` holds the new engine when the old one was healthy. An engine that was not is patched
    under `start_gate`, so that a fix can get in. `gate` None turns the health gate off.
    """

    protocol: OperationProtocol
    images: ObtainImage
    replace: ReplaceContainer
    engine: ContainerEngine
    probe: EngineProbe
    gate: Gate | None
    start_gate: Gate

    async def run(self, game_id: GameId, image_ref: str, origin: Origin) -> RuntimeRecord:
        """Patch the game and return its record: a new container id, the same endpoint.

        A game that already runs this reference is a replay; a stopped game runs afterwards. When
        the new engine fails its gate, the old one runs again and ContainerStartFailed says so.
        Raises NotFound, Conflict, ImageRefNotSemver, SemverPatchOnly, StartConfigInvalid,
        ImagePullFailed, ContainerStartFailed, DockerUnavailable, ServiceUnavailable.
        """
        request = OperationRequest(
            game_id=game_id, kind=OperationKind.PATCH, origin=origin, image_ref=image_ref
        )

        def rule(record: RuntimeRecord | None, sighting: Sighting) -> bool:
            return is_replayed_patch(record, image_ref, sighting)

        async def effect(run: OperationRun) -> RuntimeRecord:
            await self.replace.check_network(run)
            image = await self.images.by_reference(run, image_ref)
            gate = await self._gate_for(run)
            return await self.replace.run(run, image_ref, image, gate)

        return await self.protocol.run(Plan(request, rule, effect, look=True))

    async def _gate_for(self, run: OperationRun) -> Gate:
        """Choose the gate by how the engine is before the patch."""
        if self.gate is None or run.container_id is None:
            return self.start_gate
        async with run.step("probe_predecessor") as note:
            healthy = await self._is_healthy(await self.engine.inspect(run.container_id))
            note.text = "healthy" if healthy else "not healthy: patched without a health gate"
        return self.gate if healthy else self.start_gate

    async def _is_healthy(self, seen: ContainerDetails | None) -> bool:
        if seen is None or not seen.is_running or seen.address is None:
            return False
        return (await self.probe.check(seen.address)).healthy


def is_replayed_patch(record: RuntimeRecord | None, wanted: str, sighting: Sighting) -> bool:
    """Tell whether a patch has nothing to do; raise when it is not allowed."""
    if record is None:
        raise NotFound
    if record.status is RuntimeStatus.REMOVED:
        raise Conflict("the game's container was removed; start the game with an image instead")
    current = record.current_image_ref or ""
    check_patch(current, wanted)
    if record.status is RuntimeStatus.STOPPED:
        return False
    same = ImageRef.parse(current).same_image_as(ImageRef.parse(wanted))
    return same and sighting.shows_running()
