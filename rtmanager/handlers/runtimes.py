"""The handlers: read the call, run the use case of the same verb, render the result."""

from dataclasses import dataclass, field

from starlette.responses import Response

from rtmanager.domain.monitoring.check_readiness import CheckReadiness
from rtmanager.domain.operation import OperationKind
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.operations.read_runtimes import ReadRuntimes
from rtmanager.handlers.answer_in_parts import KeptMemory
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.record_list import RecordList
from rtmanager.handlers.rendering import runtime_json


@dataclass(frozen=True, slots=True)
class Runtimes:
    """The endpoints for a game's runtime."""

    operations: Operations
    read: ReadRuntimes
    memory: KeptMemory = field(default_factory=KeptMemory)

    async def list(self, _: Call) -> Response:
        """Show every record."""
        return RecordList(self.read.pages(), self.memory)

    async def get(self, call: Call) -> JsonObject:
        """Show one game's record."""
        return runtime_json(await self.read.get(call.game_id))

    async def start(self, call: Call) -> JsonObject:
        """Start a game with an image."""
        record = await self.operations.run(call.to(OperationKind.START, call.new_game_id))
        return runtime_json(record)

    async def stop(self, call: Call) -> JsonObject:
        """Stop a game for a reason."""
        record = await self.operations.run(call.to(OperationKind.STOP, call.game_id))
        return runtime_json(record)

    async def restart(self, call: Call) -> JsonObject:
        """Restart a game with the same image in a new container."""
        record = await self.operations.run(call.to(OperationKind.RESTART, call.game_id))
        return runtime_json(record)

    async def patch(self, call: Call) -> JsonObject:
        """Move a game to another patch level."""
        record = await self.operations.run(call.to(OperationKind.PATCH, call.game_id))
        return runtime_json(record)

    async def cleanup(self, call: Call) -> JsonObject:
        """Remove the container of a stopped game."""
        record = await self.operations.run(call.to(OperationKind.CLEANUP_CONTAINER, call.game_id))
        return runtime_json(record)


@dataclass(frozen=True, slots=True)
class Probes:
    """The endpoints for liveness and readiness."""

    readiness: CheckReadiness

    async def healthz(self, _: Call) -> JsonObject:
        """Answer that the process serves requests; dependencies are not checked."""
        return {"status": "ok"}

    async def readyz(self, _: Call) -> JsonObject:
        """Answer that all dependencies of operations are available."""
        await self.readiness.run()
        return {"status": "ready"}
