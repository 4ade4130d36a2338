"""The runtimes' handlers: read the call, run the use case of the same verb, render the record."""

from dataclasses import dataclass

from rtmanager.domain.lifecycle.use_cases import UseCases
from rtmanager.domain.operation import StopReason
from rtmanager.handlers.asgi import JsonObject
from rtmanager.handlers.call import Call
from rtmanager.handlers.runtime_json import runtime_json


@dataclass(frozen=True, slots=True)
class Runtimes:
    """What callers can do with a game's runtime."""

    use_cases: UseCases

    async def list(self, _: Call) -> JsonObject:
        """Show every record."""
        records = await self.use_cases.read.list()
        return {"items": [runtime_json(record) for record in records]}

    async def get(self, call: Call) -> JsonObject:
        """Show one game's record."""
        return runtime_json(await self.use_cases.read.get(call.game_id))

    async def start(self, call: Call) -> JsonObject:
        """Start a game with an image."""
        image_ref = call.body["image_ref"]
        return runtime_json(
            await self.use_cases.start.run(call.new_game_id, image_ref, call.origin)
        )

    async def stop(self, call: Call) -> JsonObject:
        """Stop a game for a reason."""
        reason = StopReason(call.body["reason"])
        return runtime_json(await self.use_cases.stop.run(call.game_id, reason, call.origin))

    async def restart(self, call: Call) -> JsonObject:
        """Run a game's image in a new container."""
        return runtime_json(await self.use_cases.restart.run(call.game_id, call.origin))

    async def patch(self, call: Call) -> JsonObject:
        """Move a game to another patch level."""
        image_ref = call.body["image_ref"]
        return runtime_json(await self.use_cases.patch.run(call.game_id, image_ref, call.origin))

    async def cleanup(self, call: Call) -> JsonObject:
        """Remove the container of a stopped game."""
        return runtime_json(await self.use_cases.cleanup.run(call.game_id, call.origin))
