"""The runtimes' handlers: read the call, run the use case of the same verb, render the record."""

from dataclasses import dataclass

from rtmanager.domain.operation import OperationKind
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.operations.read_runtimes import ReadRuntimes
from rtmanager.handlers.asgi import JsonObject
from rtmanager.handlers.call import Call
from rtmanager.handlers.runtime_json import runtime_json


@dataclass(frozen=True, slots=True)
class Runtimes:
    """What callers can do with a game's runtime."""

    operations: Operations
    read: ReadRuntimes

    async def list(self, _: Call) -> JsonObject:
        """Show every record."""
        records = await self.read.list()
        return {"items": [runtime_json(record) for record in records]}

    async def get(self, call: Call) -> JsonObject:
        """Show one game's record."""
        return runtime_json(await self.read.get(call.game_id))

    async def start(self, call: Call) -> JsonObject:
        """Start a game with an image."""
        return runtime_json(
            await self.operations.run(call.to(OperationKind.START, call.new_game_id))
        )

    async def stop(self, call: Call) -> JsonObject:
        """Stop a game for a reason."""
        request = call.to(OperationKind.STOP, call.game_id)
        return runtime_json(await self.operations.run(request))

    async def restart(self, call: Call) -> JsonObject:
        """Run a game's image in a new container."""
        request = call.to(OperationKind.RESTART, call.game_id)
        return runtime_json(await self.operations.run(request))

    async def patch(self, call: Call) -> JsonObject:
        """Move a game to another patch level."""
        request = call.to(OperationKind.PATCH, call.game_id)
        return runtime_json(await self.operations.run(request))

    async def cleanup(self, call: Call) -> JsonObject:
        """Remove the container of a stopped game."""
        return runtime_json(
            await self.operations.run(call.to(OperationKind.CLEANUP_CONTAINER, call.game_id))
        )
