"""Looking at a game's containers: inspected one by one, because Docker's list lags behind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails, ContainerId, container_name
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import Operation
from rtmanager.domain.operations.context import OperationContext
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.rule import Current
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost, DockerUnavailable, HostRefused
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True)
class Observer:
    """Tells what Docker shows of a game; raises when that cannot be found out."""

    host: ContainerHost
    installation: Installation
    clock: Clock

    async def current(self, record: RuntimeRecord | None) -> Current:
        """Return the record's container, or why that is unknown; never raises for Docker's sake."""
        if record is None or record.current_container_id is None:
            return Current()
        try:
            return Current(await self.host.inspect(record.current_container_id))
        except (DockerUnavailable, HostRefused) as trouble:
            return Current(trouble=unanswered(trouble))

    async def look(self, context: OperationContext) -> Observation:
        """Return what is so now. Raises DockerUnavailable."""
        try:
            if not context.is_fresh:
                context.found = await self._find(context)
        except HostRefused as trouble:
            raise unanswered(trouble) from trouble
        return self._sorted(context, context.found)

    async def _find(self, context: OperationContext) -> list[ContainerDetails]:
        """Inspect every container that is known, and whichever has the engine's name."""
        game_id = context.operation.game_id
        if context.known is None:
            listed = await self.host.containers_of(game_id)
            context.known = {*(each.id for each in listed), *_named(context)}
        holder = await self.host.named(container_name(game_id))
        found = [holder] if holder else []
        for each in sorted(context.known - {one.id for one in found}):
            seen = await self.host.inspect(each)
            if seen is not None:
                found.append(seen)
        context.known |= {each.id for each in found}  # a name may be lost, an id is not
        return found

    def _sorted(self, context: OperationContext, found: Sequence[ContainerDetails]) -> Observation:
        operation, record = context.operation, context.record
        of_game = (each for each in found if each.game_id == operation.game_id)
        ours = self.installation.own(of_game, record=record, operation=operation)
        current_id = record.current_container_id if record else None
        current = next((each for each in ours if each.id == current_id), None)
        new = _created_by(operation, (each for each in ours if each is not current))
        name = container_name(operation.game_id)
        strangers = (each for each in found if each not in ours and each.name == name)
        return Observation(
            at=self.clock.now(),
            record=record,
            current=current,
            new=new,
            others=[each for each in ours if each is not current and each is not new],
            stranger=next(strangers, None),
            image=context.image,
            state_is_ready=context.spec is not None,
            gate=context.gate if new is not None and new.id == context.gated else None,
        )


def _named(context: OperationContext) -> Iterable[ContainerId]:
    """Return the containers that the record, the request, or an action written ahead names.

    One that an earlier holder started a moment ago may be neither listed nor under its name.
    """
    record, operation = context.record, context.operation
    acted_on = (each.action.container_id for each in operation.steps)
    current_id = record.current_container_id if record else None
    ids = (current_id, operation.request.container_id, *acted_on)
    return (each for each in ids if each is not None)


def _created_by(
    operation: Operation, candidates: Iterable[ContainerDetails]
) -> ContainerDetails | None:
    """Return what the operation created; of two, after a call that came late, the one in use."""
    made = [each for each in candidates if each.fence == operation.id]
    return max(
        made,
        key=lambda each: (each.is_running, each.name == container_name(operation.game_id)),
        default=None,
    )


def unanswered(trouble: RuntimeManagerError) -> DockerUnavailable:
    """Return a look that Docker refused as what it is: nobody knows."""
    if isinstance(trouble, DockerUnavailable):
        return trouble
    return DockerUnavailable(f"Docker does not show the game's containers: {trouble.message}")
