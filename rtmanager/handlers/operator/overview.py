"""The endpoint for all games at a glance."""

from dataclasses import dataclass

from rtmanager.domain.insight.read_overview import ReadOverview
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.rendering import overview_json
from rtmanager.handlers.strict_json import JsonObject


@dataclass(frozen=True, slots=True)
class Overview:
    """The endpoint for all games at a glance."""

    read: ReadOverview

    async def list(self, _: Call) -> JsonObject:
        """Show every game."""
        return {"items": [overview_json(each) for each in await self.read.list()]}
