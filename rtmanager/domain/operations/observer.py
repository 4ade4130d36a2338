"""Observing a game: what its operation knows, and its containers as Docker shows them.

Containers are inspected one by one, because Docker's list lags behind.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    EngineContainer,
    EngineImage,
    container_name,
)
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import Operation
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.early_reads import LISTED, NAMED, EarlyReads, Reads
from rtmanager.domain.operations.observation import GateReading, Observation
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost, DockerUnavailable, HostRefused
from rtmanager.domain.ports.game_lease import GameLease
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(slots=True, kw_only=True)
class OperationContext:
    """An operation as one holder runs it.

    `operation` is written ahead and survives; everything else is lost with the process and obtained
    again by the next holder. `record` is the record when the operation began; only the outcome
    changes it. `known` are the containers to inspect, None before the first observation. `gated` is
    the container that was watched, `error` what left the last action's result unknown.
    While `is_fresh`, the last observation in `found` is still valid; `observed` is the moment at
    which it began. `early` is what was read of Docker while the operation was admitted.
    """

    operation: Operation
    record: RuntimeRecord | None
    lease: GameLease
    early: EarlyReads
    known: set[ContainerId] | None = None
    image: EngineImage | None = None
    spec: ContainerSpec | None = None
    gate: GateReading | None = None
    gated: ContainerId | None = None
    error: RuntimeManagerError | None = None
    found: Sequence[ContainerDetails] = ()
    is_fresh: bool = False
    observed: int = 0

    @property
    def image_ref(self) -> str | None:
        """The reference of the image to run: the requested one, or the one that ran before."""
        return self.operation.request.image_ref or (
            self.record.current_image_ref if self.record else None
        )


@dataclass(frozen=True, slots=True)
class Observer:
    """Observes a game's containers through Docker."""

    host: ContainerHost
    installation: Installation
    clock: Clock

    async def current(self, record: RuntimeRecord | None) -> Current:
        """Return the record's container, or the error; does not raise when Docker fails.

        A container on a node that is down is an error too: nobody knows whether its engine runs.
        """
        if record is None or record.current_container_id is None:
            return Current()
        try:
            container = await self.host.inspect(record.current_container_id)
        except (DockerUnavailable, HostRefused) as error:
            return Current(error=unanswered(error))
        return Current(container, error=out_of_reach(container))

    def early_reads(self, game_id: GameId) -> Reads:
        """Return the reads of a first observation."""
        name = container_name(game_id)
        return {LISTED: self.host.containers_of(game_id), NAMED: self.host.named(name)}

    async def observe(self, context: OperationContext) -> Observation:
        """Return the current observation. Raises DockerUnavailable."""
        try:
            if not context.is_fresh:
                context.found = await self._find(context)
        except HostRefused as error:
            raise unanswered(error) from error
        return self._sorted(context, context.found)

    async def _find(self, context: OperationContext) -> list[ContainerDetails]:
        """Inspect every known container, and the one that has the engine's name."""
        game_id = context.operation.game_id
        if context.known is None:
            listed = await (context.early.take(LISTED) or self.host.containers_of(game_id))
            context.known = {*(each.id for each in listed), *_named(context)}
        name = container_name(game_id)
        holder = await (context.early.take(NAMED) or self.host.named(name))
        found = [holder] if holder else []
        for each in sorted(context.known - {one.id for one in found}):
            seen = await self.host.inspect(each)
            if seen is not None:
                found.append(seen)
        context.known |= {each.id for each in found}  # a container may lose its name, never its id
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
    """Return the containers named by the record, the request, or an action written ahead.

    One that an earlier holder has just started may not be listed or have its name yet.
    """
    record, operation = context.record, context.operation
    acted_on = (each.action.container_id for each in operation.steps)
    current_id = record.current_container_id if record else None
    ids = (current_id, operation.request.container_id, *acted_on)
    return (each for each in ids if each is not None)


def _created_by(
    operation: Operation, candidates: Iterable[ContainerDetails]
) -> ContainerDetails | None:
    """Return the container that the operation created; after a late call, the one in use."""
    made = [each for each in candidates if each.fence == operation.id]
    return max(
        made,
        key=lambda each: (each.is_running, each.name == container_name(operation.game_id)),
        default=None,
    )


def out_of_reach(container: EngineContainer | None) -> DockerUnavailable | None:
    """Return the error for an engine of which nobody knows whether it runs; None for another."""
    if container is None or container.placement is None or not container.is_out_of_reach:
        return None
    return DockerUnavailable(container.placement.down_words)


def unanswered(error: RuntimeManagerError) -> DockerUnavailable:
    """Return the error for an observation that Docker refused: the result is unknown."""
    if isinstance(error, DockerUnavailable):
        return error
    return DockerUnavailable(f"Docker does not show the game's containers: {error.message}")
