"""Putting a new engine container in the place of the old one, if there is one.

Start, restart and patch are this one effect. The predecessor is parked, not removed: it keeps its
id under another name until the new container has passed its gate and the outcome is committed.
"""

from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.container import (
    ContainerDetails,
    ContainerId,
    ContainerSpec,
    ContainerStatus,
    EngineContainer,
    EngineImage,
    ImageId,
    parked_name,
)
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.health import HealthEvent, HealthEventType
from rtmanager.domain.lifecycle.container_actions import ContainerActions
from rtmanager.domain.lifecycle.container_spec import container_spec
from rtmanager.domain.lifecycle.engine_policy import EnginePolicy
from rtmanager.domain.lifecycle.health_gate import Gate, HealthGate, Passed
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.observation import loss_event
from rtmanager.domain.ports.container_engine import ContainerEngine
from rtmanager.domain.ports.state_directories import StateDirectories
from rtmanager.domain.runtime import RuntimeRecord, running_record

_HOPELESS = {ContainerStatus.DEAD, ContainerStatus.REMOVING}
"""States of a container that Docker can do nothing with any more."""


@dataclass(frozen=True, slots=True)
class ReplaceContainer:
    """The effect that start, restart and patch share."""

    engine: ContainerEngine
    actions: ContainerActions
    gate: HealthGate
    directories: StateDirectories
    policy: EnginePolicy

    async def check_network(self, run: OperationRun) -> None:
        """Raise StartConfigInvalid when the engines' network is missing."""
        async with run.step("check_network"):
            if not await self.engine.network_exists():
                name = self.policy.docker_network
                raise StartConfigInvalid(
                    f"the Docker network {name} does not exist; make it with "
                    f"`docker network create {name}`"
                )

    async def run(
        self, run: OperationRun, image_ref: str, image: EngineImage, gate: Gate
    ) -> RuntimeRecord:
        """Replace the game's container and return its record once the new one passed its gate."""
        spec = await self._prepare(run, image_ref, image)
        predecessor = await self._clear_the_way(run)
        if predecessor is None or not predecessor.is_running:
            await self._note_loss(run)
        if predecessor is not None:
            await self._park(run, predecessor)
        container_id = await self._create(run, spec)
        passed = await self._start(run, container_id, gate)
        if predecessor is not None:
            run.leftovers.append(predecessor.id)
        run.endpoint_is_back(passed.answered_at or run.clock.monotonic())
        return self.started(run, container_id, image_ref, image.id)

    async def _prepare(
        self, run: OperationRun, image_ref: str, image: EngineImage
    ) -> ContainerSpec:
        """Find every fault of the configuration before anything is changed."""
        async with run.step("prepare_state_directory"):
            path = self.directories.path(run.operation.game_id)
            spec = container_spec(
                run.operation,
                image_ref,
                image,
                policy=self.policy,
                state_path=path,
                at=run.clock.now(),
            )
            uid, gid = self.policy.state_owner or await self.engine.image_owner(image)
            await self.directories.prepare(run.operation.game_id, uid=uid, gid=gid)
        return spec

    async def _clear_the_way(self, run: OperationRun) -> ContainerDetails | None:
        """Return the predecessor; remove every other container of ours for this game."""
        async with run.step("find_predecessor") as note:
            ours = await self.engine.containers_of(run.operation.game_id)
            predecessor = await self._predecessor(run)
            note.text = predecessor.id[:12] if predecessor else "none"
        for stale in (each for each in ours if predecessor is None or each.id != predecessor.id):
            async with run.step("remove_stale_container", touches=True) as note:
                note.text = stale.name
                await self.engine.remove(stale.id)
        return predecessor

    async def _predecessor(self, run: OperationRun) -> ContainerDetails | None:
        """Return the record's container, inspected: the state in Docker's list lags behind."""
        if run.container_id is None:
            return None
        seen = await self.engine.inspect(run.container_id)
        return seen if seen is not None and seen.status not in _HOPELESS else None

    async def _park(self, run: OperationRun, predecessor: EngineContainer) -> None:
        run.predecessor_ran = predecessor.is_running
        if predecessor.is_running:
            run.down_since = run.clock.monotonic()
            async with run.step("stop_predecessor", touches=True):
                await self.actions.stop(predecessor.id, grace=self.policy.stop_timeout)
        async with run.step("park_predecessor", touches=True):
            name = parked_name(run.operation.game_id, run.fence)
            await self.actions.rename(predecessor.id, name)

    async def _note_loss(self, run: OperationRun) -> None:
        """Tell of an engine that should have run but had exited: it is replaced all the same."""
        if run.record is None or run.container_id is None:
            return
        seen = await self.engine.inspect(run.container_id)
        event = loss_event(run.record, seen, at=run.clock.now())
        if event is not None:
            run.events.append(event)
            run.details["found"] = event.event_type.value

    async def _create(self, run: OperationRun, spec: ContainerSpec) -> ContainerId:
        async with run.step("create_container", touches=True) as note:
            container_id = await self.actions.create(spec, run.operation.game_id, run.fence)
            note.text = container_id[:12]
        return container_id

    async def _start(self, run: OperationRun, container_id: ContainerId, gate: Gate) -> Passed:
        async with run.step("start_container", touches=True):
            await self.actions.start(container_id)
        async with run.step("health_gate") as note:
            passed = await self.gate.watch(container_id, gate)
            answered = passed.answered_at is not None
            note.text = "healthy" if answered else f"no answer yet: {passed.last_error}"
        run.details["healthy"] = answered
        return passed

    def started(
        self, run: OperationRun, container_id: ContainerId, image_ref: str, image_id: ImageId
    ) -> RuntimeRecord:
        """Return the record of a game whose new container runs, and note the event."""
        at = run.clock.now()
        run.events.append(
            HealthEvent(
                game_id=run.operation.game_id,
                container_id=container_id,
                event_type=HealthEventType.CONTAINER_STARTED,
                details={"image_ref": image_ref},
                occurred_at=at,
            )
        )
        return self._running(run, container_id, image_ref, image_id, at)

    def adopted(self, run: OperationRun, seen: ContainerDetails) -> RuntimeRecord:
        """Return the record of a game whose container was found running."""
        started_at = seen.started_at or run.clock.now()
        return self._running(run, seen.id, seen.image_ref or "", seen.image_id, started_at)

    def _running(
        self,
        run: OperationRun,
        container_id: ContainerId,
        image_ref: str,
        image_id: ImageId,
        started_at: datetime,
    ) -> RuntimeRecord:
        return running_record(
            previous=run.record,
            game_id=run.operation.game_id,
            container_id=container_id,
            image_ref=image_ref,
            image_id=image_id,
            state_path=self.directories.path(run.operation.game_id),
            docker_network=self.policy.docker_network,
            started_at=started_at,
            at=run.clock.now(),
            fence=run.fence,
        )
