"""The endpoints for the operation log."""

from dataclasses import dataclass

from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.strict_json import JsonObject


@dataclass(frozen=True, slots=True)
class OperationLog:
    """The endpoints for the operation log."""

    async def list(self, _: Call) -> JsonObject:
        """Show a page of operations."""
        raise NotImplementedError

    async def get(self, _: Call) -> JsonObject:
        """Show one operation."""
        raise NotImplementedError
