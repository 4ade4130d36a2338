"""The endpoint for all games at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.game_id import parse_game_id
from rtmanager.domain.insight import read_overview
from rtmanager.domain.insight.read_overview import ReadOverview
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.query import text_of
from rtmanager.handlers.rendering import overview_json


@dataclass(frozen=True, slots=True)
class Overview:
    """The endpoint for all games at a glance."""

    read: ReadOverview

    async def list(self, call: Call) -> JsonObject:
        """Show every game, or the one that was asked for."""
        name = text_of(call.query, "game_id")
        games = await (self.read.list() if name is None else self._only(name))
        return {"items": [overview_json(each) for each in games]}

    async def _only(self, name: str) -> Sequence[read_overview.Overview]:
        game_id = parse_game_id(name)
        found = None if game_id is None else await self.read.find(game_id)
        return [] if found is None else [found]
