"""The endpoints for one game: why it is in its state, its health, its engine's output."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from starlette.responses import Response

from rtmanager.domain.insight.explanation import ExplainRuntime
from rtmanager.domain.insight.health import ReadHealth
from rtmanager.domain.insight.read_logs import ReadLogs
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.operator.explanation_json import explanation_json
from rtmanager.handlers.operator.logs import LogsQuery, LogsResponse
from rtmanager.handlers.rendering import health_json


@dataclass(frozen=True, slots=True)
class Games:
    """The endpoints for one game."""

    health: ReadHealth
    read_logs: ReadLogs
    explanation: ExplainRuntime

    async def explain(self, call: Call) -> JsonObject:
        """Explain a game's state."""
        return explanation_json(await self.explanation.run(call.game_id))

    async def logs(self, call: Call) -> Response:
        """Send an engine's output, as it comes if that is wanted."""
        query = LogsQuery.of(call.query, now=self.read_logs.clock.now())
        async with AsyncExitStack() as opened:
            output = await opened.enter_async_context(
                self.read_logs.open(call.game_id, query.wanted)
            )
            return LogsResponse(output, query, opened.pop_all())

    async def get_health(self, call: Call) -> JsonObject:
        """Show one engine's health."""
        return health_json(await self.health.get(call.game_id))

    async def list_health(self, _: Call) -> JsonObject:
        """Show the health of all engines."""
        return {"items": [health_json(each) for each in await self.health.list()]}
