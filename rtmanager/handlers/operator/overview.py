"""The endpoint for all games at a glance."""

from dataclasses import dataclass

from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.strict_json import JsonObject


@dataclass(frozen=True, slots=True)
class Overview:
    """The endpoint for all games at a glance."""

    async def list(self, _: Call) -> JsonObject:
        """Show every game."""
        raise NotImplementedError
