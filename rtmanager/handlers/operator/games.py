"""The endpoints for one game: why it is in its state, its health, its engine's output."""

from dataclasses import dataclass

from starlette.responses import Response

from rtmanager.domain.insight.health import ReadHealth
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.rendering import health_json
from rtmanager.handlers.strict_json import JsonObject


@dataclass(frozen=True, slots=True)
class Games:
    """The endpoints for one game."""

    health: ReadHealth

    async def explain(self, _: Call) -> JsonObject:
        """Explain a game's state."""
        raise NotImplementedError

    async def logs(self, _: Call) -> Response:
        """Send an engine's output."""
        raise NotImplementedError

    async def get_health(self, call: Call) -> JsonObject:
        """Show one engine's health."""
        return health_json(await self.health.get(call.game_id))

    async def list_health(self, _: Call) -> JsonObject:
        """Show the health of all engines."""
        return {"items": [health_json(each) for each in await self.health.list()]}
