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
        old = await self._predecessor(run)
        await self._clear_the_way_back(run, ours, old)
        if old is not None:
            await self._bring_back(run, old)
        return self._aftermath(run, await self._predecessor(run))

    async def _predecessor(self, run: OperationRun) -> ContainerDetails | None:
        return await self.engine.inspect(run.container_id) if run.container_id else None

    async def _clear_the_way_back(
        self, run: OperationRun, ours: Sequence[EngineContainer], old: ContainerDetails | None
    ) -> None:
        """Remove what the operation made, and whatever else of ours has the predecessor's name."""
        name = container_name(run.operation.game_id)
        for each in ours:
            usurps = old is not None and each.id != old.id and each.name == name
            if each.fence == run.fence or usurps:
                async with run.step("remove_new_container", touches=True):
                    await self.engine.remove(each.id)

    async def _bring_back(self, run: OperationRun, old: ContainerDetails) -> None:
        """Start the predecessor if it should run, and give it its name back.

        Docker knows no leases: a call that was sent before the lease was lost may arrive long after
        others have settled this operation and begun another. So the predecessor is changed under
        the name that only this operation gives it: once it has its own name back, a late start or
        rename finds no container, and never starts the old engine beside a new one.
        """
        name, parked = container_name(run.operation.game_id), _parked_name(run)
        revive = not old.is_running and _ran_before(run)
        if revive and old.name != parked:
            async with run.step("park_predecessor", touches=True):
                await self.actions.rename(old.id, parked)
        runs_again = revive and await self._revived(run, old)
        if revive or old.name != name:
            async with run.step("unpark_predecessor", touches=True):
                await self.actions.rename(old.id, name, known_as=parked if revive else old.name)
        if runs_again:
            run.endpoint_is_back(run.clock.monotonic())

    async def _revived(self, run: OperationRun, old: ContainerDetails) -> bool:
        try:
            async with run.step("start_predecessor", touches=True):
                await self.actions.start(old.id, known_as=_parked_name(run))
        except (ContainerStartFailed, EngineRefused):
            return False  # the step tells why; the record will tell the truth
        return True

    def _aftermath(self, run: OperationRun, seen: ContainerDetails | None) -> Aftermath:
        if run.record is None:
            return Aftermath(None, "nothing of it is left")
        at = run.clock.now()
        event = loss_event(run.record, seen, at=at)
        if event is not None:
            run.events.append(event)
        record = as_observed(run.record, seen, fence=run.fence, at=at)
        return Aftermath(record, _sentence(run.record, record))


def _parked_name(run: OperationRun) -> str:
    return parked_name(run.operation.game_id, run.fence)


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
