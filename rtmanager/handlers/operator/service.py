"""The endpoints for the service: events, drift, workers."""

from dataclasses import dataclass

from starlette.responses import Response

from rtmanager.domain.insight.event_feed import MAX_SUBSCRIPTIONS, EventFeed
from rtmanager.domain.insight.read_drift import ReadDrift
from rtmanager.domain.insight.read_workers import ReadWorkers
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call
from rtmanager.handlers.headers import values_of
from rtmanager.handlers.operator.event_json import finding_json
from rtmanager.handlers.operator.event_stream import EventStream
from rtmanager.handlers.operator.workers_json import workers_json
from rtmanager.handlers.query import text_of

_LAST_EVENT_ID = b"last-event-id"


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The endpoints for what the service does and sees."""

    feed: EventFeed
    found: ReadDrift
    state: ReadWorkers
    max_streams: int = MAX_SUBSCRIPTIONS

    async def events(self, call: Call) -> Response:
        """Send events as they happen."""
        return EventStream(
            self.feed,
            after=_after(call),
            game_id=text_of(call.query, "game_id"),
            most=self.max_streams,
        )

    async def drift(self, _: Call) -> JsonObject:
        """Show where records and Docker disagree."""
        report = await self.found.run()
        return {"games": report.games, "items": [finding_json(each) for each in report.findings]}

    async def workers(self, _: Call) -> JsonObject:
        """Show replicas, workers and backlogs."""
        return workers_json(await self.state.run())


def _after(call: Call) -> str | None:
    """Return the id of the last event that the caller has received; browsers send the header."""
    given = text_of(call.query, "after")
    header = [value for value in values_of(call.scope, _LAST_EVENT_ID) if value]
    return header[-1].decode("latin-1") if header else given
