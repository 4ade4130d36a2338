"""The endpoints for the service: events, drift, workers."""

from dataclasses import dataclass

from starlette.responses import Response

from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.strict_json import JsonObject


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The endpoints for what the service does and sees."""

    async def events(self, _: Call) -> Response:
        """Send events as they happen."""
        raise NotImplementedError

    async def drift(self, _: Call) -> JsonObject:
        """Show where records and Docker disagree."""
        raise NotImplementedError

    async def workers(self, _: Call) -> JsonObject:
        """Show replicas, workers and backlogs."""
        raise NotImplementedError
