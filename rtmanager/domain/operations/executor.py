"""Performing the actions of an operation through the ports."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rtmanager.domain.container import (
    ContainerId,
    EngineImage,
    ImageId,
    aside_name,
    container_name,
    parked_name,
)
from rtmanager.domain.errors import (
    DockerUnavailable,
    ImagePullFailed,
    InternalError,
    StartConfigInvalid,
)
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.installation import Installation
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Operation,
    OperationKind,
    OperationRequest,
    Phase,
)
from rtmanager.domain.operations.container_spec import EnginePolicy, PullPolicy, container_spec
from rtmanager.domain.operations.early_reads import NETWORK, Reads
from rtmanager.domain.operations.health_gate import Gate, HealthGate
from rtmanager.domain.operations.observation import GateReading
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost, HostRefused
from rtmanager.domain.ports.state_directories import StateDirectories

Progress = Callable[[str], None]
"""Is told how far an action is."""


def _nobody(_line: str) -> None:
    """Tell nobody."""


PATCHED_STAYS_UP = 2.0
"""Seconds for which a patched engine must stay healthy after its first healthy answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Performs what was decided. It decides nothing; the next observation shows the effect."""

    host: ContainerHost
    gate: HealthGate
    directories: StateDirectories
    installation: Installation
    policy: EnginePolicy
    clock: Clock

    def early_reads(self, request: OperationRequest) -> Reads:
        """Return the reads for preparing a new container: its network, and the image asked for."""
        reads: Reads = {NETWORK: self.host.network_exists()}
        if request.image_ref and self.policy.pull_policy is not PullPolicy.ALWAYS:
            reference = ImageRef.parse(request.image_ref)
            reads[reference] = self.host.image(reference)
        return reads

    async def perform(
        self, context: OperationContext, action: Action, progress: Progress = _nobody
    ) -> str | None:
        """Perform the action and return a note for the operation log.

        `progress` is called from time to time with a line on how far it is, if it takes long.

        An operation that began under other settings does not start an image that they no longer
        allow; a rollback starts what ran before, whatever it is.

        Raises DockerUnavailable or ServiceUnavailable when the result is unknown, any other domain
        error for a refusal.
        """
        if action.name in {ActionName.CREATE, ActionName.START}:
            context.gate = None  # a reading from before belongs to another engine
        if action.name is ActionName.START and context.operation.phase is Phase.FORWARD:
            self.policy.allowed_images.check(context.image_ref)
        container_id = action.container_id or ContainerId("")
        reached_by = action.address or container_id
        match action.name:
            case ActionName.OBTAIN_IMAGE:
                return await self._obtain_image(context, progress)
            case ActionName.PREPARE_STATE:
                return await self._prepare_state(context)
            case ActionName.CREATE:
                return await self._create(context)
            case ActionName.WATCH_GATE:
                return await self._watch_gate(context, container_id)
            case _:
                await self._change(context.operation, action.name, container_id, reached_by)
                return None

    async def _change(
        self, operation: Operation, name: ActionName, container_id: ContainerId, reached_by: str
    ) -> None:
        """Change an existing container."""
        match name:
            case ActionName.START:
                await self.host.start(reached_by)
            case ActionName.STOP:
                await self.host.stop(reached_by, grace=self.policy.stop_timeout)
            case ActionName.REMOVE:
                await self.host.remove(container_id)
            case ActionName.PARK | ActionName.SET_ASIDE | ActionName.UNPARK:
                await self.host.rename(reached_by, _new_name(operation, name))
            case _:
                raise NotImplementedError(f"the executor has no case for {name}")

    async def is_brief(self, context: OperationContext, action: Action) -> bool:
        """Return whether the action is quick and changes nothing whose result could be unknown.

        If the image is on the host, this call has obtained it; if the engine already answers, this
        call has watched the gate.
        """
        match action.name:
            case ActionName.OBTAIN_IMAGE:
                context.image = await self._on_host(context)
                return context.image is not None
            case ActionName.PREPARE_STATE:
                return True
            case ActionName.WATCH_GATE:
                context.gate, context.gated = None, action.container_id
                context.gate = await self._ask_at_once(context)
                return context.gate is not None
            case _:
                return False

    async def _on_host(self, context: OperationContext) -> EngineImage | None:
        """Return the image from the host, if the policy allows using it without a pull.

        A restart uses the same image as before; only if that has left the host, its reference.
        Raises StartConfigInvalid, before anything is asked, for an image that is not allowed.
        """
        self.policy.allowed_images.check(context.image_ref)
        record = context.record
        if context.operation.kind is OperationKind.RESTART and record and record.image_id:
            image = await self._image(context, record.image_id)
            if image is not None:
                return image
        if not context.image_ref or self.policy.pull_policy is PullPolicy.ALWAYS:
            return None
        return await self._image(context, ImageRef.parse(context.image_ref))

    async def _image(
        self, context: OperationContext, reference: ImageRef | ImageId
    ) -> EngineImage | None:
        return await (context.early.take(reference) or self.host.image(reference))

    async def _obtain_image(self, context: OperationContext, progress: Progress) -> str:
        """Pull the image unless it is on the host."""
        context.image = context.image or await self._on_host(context)
        if context.image is not None:
            ran_before = context.record is not None and context.image.id == context.record.image_id
            return "the image that ran before" if ran_before else "on the host"
        if not context.image_ref:
            raise ImagePullFailed("the image left the host, and its reference is not known")
        reference = ImageRef.parse(context.image_ref)
        try:
            context.image, note = await self._pull(reference, progress)
        except ImagePullFailed as failed:
            absent = await self._is_absent(reference)
            raise _pull_failed(reference, context.operation, failed, absent=absent) from failed
        return note

    async def _is_absent(self, reference: ImageRef) -> bool:
        """Return whether the image that could not be pulled is known not to be on the host."""
        if self.policy.pull_policy is not PullPolicy.ALWAYS:
            return True
        try:
            return await self.host.image(reference) is None
        except (DockerUnavailable, HostRefused):
            return False

    async def _pull(self, reference: ImageRef, progress: Progress) -> tuple[EngineImage, str]:
        if self.policy.pull_policy is PullPolicy.NEVER:
            raise ImagePullFailed("the pull policy is never")
        lines: list[str] = ["pulled"]

        def said(line: str) -> None:
            lines.append(line)
            progress(line)

        image = await self.host.pull(reference, progress=said)
        return image, lines[-1]

    async def _prepare_state(self, context: OperationContext) -> str:
        """Check the whole configuration before anything is changed."""
        if context.image is None:
            raise InternalError
        await self._check_network(context)
        game_id, record = context.operation.game_id, context.record
        path = self.directories.path(game_id)
        spec = container_spec(
            context.operation,
            context.image_ref,
            context.image,
            policy=self.policy,
            installation=self.installation.id,
            state_path=path,
            at=self.clock.now(),
        )
        uid, gid = self.policy.state_owner or await self.host.image_owner(context.image)
        known_path = (record.state_path or None) if record else None
        marker = await self.directories.prepare(game_id, uid=uid, gid=gid, known_path=known_path)
        context.spec = replace(spec, state_marker=marker)
        return path

    async def _check_network(self, context: OperationContext) -> None:
        if not await (context.early.take(NETWORK) or self.host.network_exists()):
            name = self.policy.docker_network
            raise StartConfigInvalid(
                f"the Docker network {name} does not exist; make it with "
                f"`docker network create {name}`"
            )

    async def _create(self, context: OperationContext) -> str:
        if context.spec is None:
            raise InternalError
        container_id = await self.host.create(context.spec)
        context.known = (context.known or set()) | {container_id}
        return container_id[:12]

    async def _watch_gate(self, context: OperationContext, container_id: ContainerId) -> str:
        gate = self._gate_for(context.operation)
        if context.gate is None or context.gated != container_id:
            context.gate, context.gated = None, container_id
            context.gate = await self.gate.watch(container_id, gate)
        note = context.gate.note
        if context.operation.kind is OperationKind.PATCH and not gate.must_answer:
            return f"{note}; patched without a health gate"
        return note

    async def _ask_at_once(self, context: OperationContext) -> GateReading | None:
        """Ask the new engine at the address that the last observation has shown."""
        new = next((each for each in context.found if each.id == context.gated), None)
        address = new.address if new else None
        return await self.gate.ask_at_once(address, self._gate_for(context.operation))

    def _gate_for(self, operation: Operation) -> Gate:
        """Choose the gate: only a patch of a healthy engine requires an answer."""
        predecessor, timeout = operation.predecessor, self.policy.patch_gate_timeout
        was_healthy = predecessor is not None and predecessor.healthy
        if operation.kind is OperationKind.PATCH and was_healthy and timeout > 0:
            return Gate(timeout, must_answer=True, stays_up=PATCHED_STAYS_UP)
        return Gate(self.policy.start_gate_timeout)


def _pull_failed(
    reference: ImageRef, operation: Operation, failed: ImagePullFailed, *, absent: bool
) -> ImagePullFailed:
    """Return the error for the caller, which names the row with what was answered."""
    where = " (not on this host)" if absent else ""
    words = f"cannot pull {reference.text}{where}: {failed.message}"
    if failed.detail:
        words += f"; the service's log has the answer, at operation {operation.id}"
    return ImagePullFailed(words, detail=failed.detail)


def _new_name(operation: Operation, action: ActionName) -> str:
    match action:
        case ActionName.PARK:
            return parked_name(operation.game_id, operation.id)
        case ActionName.SET_ASIDE:
            return aside_name(operation.game_id, operation.id)
        case _:
            return container_name(operation.game_id)
