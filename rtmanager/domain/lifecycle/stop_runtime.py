"""Stop a game's engine."""

from dataclasses import dataclass

from rtmanager.domain.errors import Conflict, InternalError, NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.lifecycle.container_actions import ContainerActions
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol, Plan
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.ruling import Sighting
from rtmanager.domain.observation import as_observed
from rtmanager.domain.operation import OperationKind, OperationRequest, Origin, StopReason
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


@dataclass(frozen=True, slots=True)
class StopRuntime:
    """Stops a running game; its container and its state stay."""

    protocol: OperationProtocol
    actions: ContainerActions
    stop_timeout: int

    async def run(self, game_id: GameId, reason: StopReason, origin: Origin) -> RuntimeRecord:
        """Stop the game and return its record: stopped, or removed when its container was gone.

        A game that does not run is a replay. Raises NotFound, Conflict, DockerUnavailable,
        ServiceUnavailable.
        """
        request = OperationRequest(
            game_id=game_id, kind=OperationKind.STOP, origin=origin, reason=reason
        )
        return await self.protocol.run(Plan(request, is_replayed_stop, self._stop, look=True))

    async def _stop(self, run: OperationRun) -> RuntimeRecord:
        if run.record is None or run.container_id is None:
            raise InternalError
        async with run.step("stop_container", touches=True) as note:
            seen = await self.actions.stop(run.container_id, grace=self.stop_timeout)
            if seen is not None and seen.is_running:
                raise Conflict("someone started the engine again while it was stopped; try again")
            note.text = f"exit code {seen.exit_code}" if seen else "the container was gone"
        return as_observed(run.record, seen, fence=run.fence, at=run.clock.now())


def is_replayed_stop(record: RuntimeRecord | None, sighting: Sighting) -> bool:
    """Tell whether a stop has nothing to do; raise NotFound for a game never started."""
    if record is None:
        raise NotFound
    if record.status is not RuntimeStatus.RUNNING:
        return True
    # Without Docker refuse now: a stop once begun waits for the whole grace period and stays open.
    sighting.shows_running()
    return False
