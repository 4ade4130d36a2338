"""Undoing an operation that failed, and settling one whose process died.

Both judge by what Docker shows, never by what the operation believed it had done, so that the same
code serves an error, a lost reply and a kill -9 at any step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.container import (
    ContainerDetails,
    EngineContainer,
    container_name,
    parked_name,
)
from rtmanager.domain.errors import ContainerStartFailed
from rtmanager.domain.lifecycle.container_actions import ContainerActions
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.observation import as_observed, loss_event
from rtmanager.domain.operation import OperationKind
from rtmanager.domain.ports.container_engine import ContainerEngine, EngineRefused
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

_REVIVES = {OperationKind.RESTART, OperationKind.PATCH}


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What is true after an undo: the record, and a sentence on what runs now."""

    record: RuntimeRecord | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """Brings a game back to its predecessor."""

    engine: ContainerEngine
    actions: ContainerActions

    async def undo(self, run: OperationRun) -> Aftermath:
        """Remove what the operation made, give the predecessor its name back, start it again.

        It is started again only if it ran before. Raises DockerUnavailable or LeaseLost when that
        cannot be finished now; the operation then stays open and is settled later.
        """
        run.events.clear()  # what the effect had to tell is void
        ours = await self.engine.containers_of(run.operation.game_id)
        await self._remove_new(run, ours)
        await self._unpark(run, ours)
        seen = await self._revived(run, await self._predecessor(run))
        return self._aftermath(run, seen)

    async def _remove_new(self, run: OperationRun, ours: Sequence[EngineContainer]) -> None:
        for new in (each for each in ours if each.fence == run.fence):
            async with run.step("remove_new_container", touches=True):
                await self.engine.remove(new.id)

    async def _unpark(self, run: OperationRun, ours: Sequence[EngineContainer]) -> None:
        game_id = run.operation.game_id
        for parked in (each for each in ours if each.name == parked_name(game_id, run.fence)):
            async with run.step("unpark_predecessor", touches=True):
                await self.actions.rename(parked.id, container_name(game_id))

    async def _predecessor(self, run: OperationRun) -> ContainerDetails | None:
        return await self.engine.inspect(run.container_id) if run.container_id else None

    async def _revived(
        self, run: OperationRun, seen: ContainerDetails | None
    ) -> ContainerDetails | None:
        """Start the predecessor again if it should run; tell how it is then."""
        if seen is None or seen.is_running or not _ran_before(run):
            return seen
        try:
            async with run.step("start_predecessor", touches=True):
                await self.actions.start(seen.id)
        except (ContainerStartFailed, EngineRefused):
            return await self.engine.inspect(seen.id)  # the step tells why; the record the truth
        run.endpoint_is_back(run.clock.monotonic())
        return await self.engine.inspect(seen.id)

    def _aftermath(self, run: OperationRun, seen: ContainerDetails | None) -> Aftermath:
        if run.record is None:
            return Aftermath(None, "nothing of it is left")
        at = run.clock.now()
        event = loss_event(run.record, seen, at=at)
        if event is not None:
            run.events.append(event)
        record = as_observed(run.record, seen, fence=run.fence, at=at)
        return Aftermath(record, _sentence(run.record, record))


def _ran_before(run: OperationRun) -> bool:
    if run.record is None or run.record.status is not RuntimeStatus.RUNNING:
        return False
    return run.operation.kind in _REVIVES and run.predecessor_ran is not False


def _sentence(before: RuntimeRecord, after: RuntimeRecord) -> str:
    if after.status is RuntimeStatus.RUNNING:
        return f"{after.current_image_ref} runs"
    if after.status is before.status:
        return f"the game is {after.status} as before"
    return f"the game is {after.status} now"
