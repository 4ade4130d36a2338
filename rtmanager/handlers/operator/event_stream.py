"""The response that stays open and sends events as they happen."""

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.insight.event_feed import MAX_SUBSCRIPTIONS, EventFeed
from rtmanager.domain.insight.event_subscription import Subscription
from rtmanager.domain.insight.operator_events import EventId
from rtmanager.handlers.operator.event_json import sent_events, sent_position
from rtmanager.handlers.operator.head_only import is_head_only, nothing

COMMENT_EVERY = 15.0
"""Seconds without an event after which a comment shows that the connection lives."""

LIFETIME = 3_600.0
"""Seconds after which a stream ends, so that none stays with a replica for ever."""

RETRY = b"retry: 1000\n\n"
"""Milliseconds after which a browser connects again."""

_COMMENT = b": nothing\n\n"
_HEADERS = {
    "cache-control": "no-store",
    # nginx would collect the events.
    "x-accel-buffering": "no",
}


class EventStream(Response):
    """Sends the events of a subscription until the caller goes, or the subscription ends."""

    def __init__(
        self,
        feed: EventFeed,
        *,
        after: str | None,
        game_id: str | None,
        most: int = MAX_SUBSCRIPTIONS,
    ) -> None:
        super().__init__()
        self._feed, self._most = feed, most
        self._after, self._game_id = after, game_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Subscribe, and send; raises ServiceUnavailable before anything is sent."""
        # A request that is not read to its end counts as one that is executed.
        while (await receive()).get("more_body"):
            pass
        async with self._feed.subscribed(self._after, most=self._most) as subscription:
            chunks = nothing() if is_head_only(scope) else self._chunks(subscription)
            stream = StreamingResponse(chunks, headers=_HEADERS, media_type="text/event-stream")
            await stream(scope, receive, send)

    async def _chunks(self, subscription: Subscription) -> AsyncIterator[bytes]:
        """Yield what is sent, until the end of the subscription or of the stream's time."""
        ends_at, sent_at = time.monotonic() + LIFETIME, time.monotonic()
        told = subscription.position
        yield RETRY
        while (now := time.monotonic()) < ends_at:
            try:
                async with asyncio.timeout(min(sent_at + COMMENT_EVERY, ends_at) - now):
                    delivery = await subscription.receive()
            except TimeoutError:
                chunk, told = _still_here(subscription.position, told), subscription.position
            except ServiceUnavailable:
                return  # it continues elsewhere, or here when Postgres is back
            else:
                if delivery is None:
                    return
                chunk = sent_events(delivery, self._game_id)
                told = delivery.id if chunk else told
            if chunk:
                sent_at = time.monotonic()
                yield chunk


def _still_here(position: EventId, told: EventId) -> bytes:
    """Return a comment; with the position if events were left out since the last one."""
    return _COMMENT if position == told else sent_position(position)
