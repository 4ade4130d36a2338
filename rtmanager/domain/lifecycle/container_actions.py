"""Changes to containers that look before they believe an error.

An engine's error does not mean that nothing happened: a start may answer 500 while the container
runs, a reply may be lost after the effect. Each action here ends well when a look shows that what
it wanted is the case, and raises the engine's error otherwise.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rtmanager.domain.container import ContainerDetails, ContainerId, ContainerSpec
from rtmanager.domain.errors import Conflict, ContainerStartFailed, DockerUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence
from rtmanager.domain.ports.container_engine import (
    ContainerEngine,
    ContainerGone,
    ContainerNameInUse,
    EngineRefused,
)

LOG_TAIL_LINES = 20


@dataclass(frozen=True, slots=True)
class ContainerActions:
    """Creates, starts, stops and renames containers, judged by their effect."""

    engine: ContainerEngine

    async def create(self, spec: ContainerSpec, game_id: GameId, fence: Fence) -> ContainerId:
        """Create the container, or find it created; a foreign one in its place is a Conflict."""
        try:
            return await self.engine.create(spec)
        except ContainerNameInUse as error:
            created = await self._created_by(game_id, fence)
            if created is None:
                raise Conflict(await self._who_holds(spec.name)) from error
        except (EngineRefused, DockerUnavailable):
            created = await self._created_by(game_id, fence)
            if created is None:
                raise
        return created

    async def start(self, container_id: ContainerId, *, known_as: str | None = None) -> None:
        """Start the container; raise ContainerStartFailed with its last words when it can't.

        With `known_as` only if it has that name when the call arrives.
        """
        try:
            await self.engine.start(known_as or container_id)
        except (EngineRefused, DockerUnavailable, ContainerStartFailed) as error:
            seen = await self.engine.inspect(container_id)
            if seen is None:
                raise ContainerStartFailed(
                    "the new container vanished before it started"
                ) from error
            if seen.is_running:
                return
            if isinstance(error, DockerUnavailable):
                raise
            raise await self.start_failure(seen, error.message) from error

    async def stop(self, container_id: ContainerId, *, grace: int) -> ContainerDetails | None:
        """Stop the container and return what is left of it; None when it is gone."""
        try:
            await self.engine.stop(container_id, grace=grace)
        except ContainerGone:
            return None
        except (EngineRefused, DockerUnavailable) as error:
            return await self._stopped_after_all(container_id, error)
        return await self.engine.inspect(container_id)

    async def rename(
        self, container_id: ContainerId, name: str, *, known_as: str | None = None
    ) -> None:
        """Rename the container, or find it renamed; `known_as` as in `start`."""
        await self._surely(
            self.engine.rename(known_as or container_id, name),
            lambda: self._is_named(container_id, name),
        )

    async def start_failure(self, seen: ContainerDetails, why: str) -> ContainerStartFailed:
        """Describe a failed start with the container's exit code and last log lines."""
        log_tail = await self.engine.logs(seen.id, lines=LOG_TAIL_LINES)
        said = f"; its last output: {log_tail[-1]}" if log_tail else ""
        return ContainerStartFailed(f"{why}{said}", exit_code=seen.exit_code, log_tail=log_tail)

    async def _surely(self, call: Awaitable[None], happened: Callable[[], Awaitable[bool]]) -> None:
        try:
            await call
        except (EngineRefused, DockerUnavailable):
            if not await happened():
                raise

    async def _stopped_after_all(
        self, container_id: ContainerId, error: EngineRefused | DockerUnavailable
    ) -> ContainerDetails | None:
        seen = await self.engine.inspect(container_id)
        if seen is not None and seen.is_running:
            raise error
        return seen

    async def _is_named(self, container_id: ContainerId, name: str) -> bool:
        seen = await self.engine.inspect(container_id)
        return seen is not None and seen.name == name

    async def _created_by(self, game_id: GameId, fence: Fence) -> ContainerId | None:
        ours = await self.engine.containers_of(game_id)
        return next((each.id for each in ours if each.fence == fence), None)

    async def _who_holds(self, name: str) -> str:
        holder = await self.engine.named(name)
        whose = f"container {holder.id[:12]}" if holder else "another container"
        return (
            f"the container name {name} is taken by {whose}, which this service did not make; "
            "remove or rename it and try again"
        )
