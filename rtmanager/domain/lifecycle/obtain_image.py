"""Getting the image of an engine onto the host, after the pull policy."""

from dataclasses import dataclass

from rtmanager.domain.container import EngineImage
from rtmanager.domain.errors import ImagePullFailed
from rtmanager.domain.lifecycle.engine_policy import EnginePolicy, PullPolicy
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.ports.container_engine import ContainerEngine


@dataclass(frozen=True, slots=True)
class ObtainImage:
    """Finds images on the host and pulls those that the policy wants pulled."""

    engine: ContainerEngine
    policy: EnginePolicy

    async def by_reference(self, run: OperationRun, reference: str) -> EngineImage:
        """Return the image of `reference`, pulled when the policy says so.

        Raises ImagePullFailed when it cannot be had.
        """
        if self.policy.pull_policy is not PullPolicy.ALWAYS:
            image = await self._on_host(run, reference)
            if image is not None:
                return image
        if self.policy.pull_policy is PullPolicy.NEVER:
            raise ImagePullFailed(
                f"image {reference} is not on the host and the pull policy is never"
            )
        return await self._pull(run, reference)

    async def for_restart(self, run: OperationRun, reference: str) -> EngineImage:
        """Return the very image that ran before; only when it left the host, its reference's."""
        if run.record is not None and run.record.image_id is not None:
            image = await self._on_host(run, run.record.image_id)
            if image is not None:
                return image
        return await self.by_reference(run, reference)

    async def _on_host(self, run: OperationRun, reference: str) -> EngineImage | None:
        async with run.step("find_image") as note:
            image = await self.engine.image(reference)
            note.text = "on the host" if image else "not on the host"
        return image

    async def _pull(self, run: OperationRun, reference: str) -> EngineImage:
        async with run.step("pull_image") as note:

            def progress(line: str) -> None:
                note.text = line

            return await self.engine.pull(reference, progress=progress)
