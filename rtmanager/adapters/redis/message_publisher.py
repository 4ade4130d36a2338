"""Publishing messages to the output streams, each exactly once."""

import logging

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.errors import redis_errors
from rtmanager.adapters.redis.stream_entries import DeadOrigin, dead_letter
from rtmanager.adapters.redis.streams import Channel, StreamLayout, StreamSchemas
from rtmanager.domain.installation import Installation
from rtmanager.domain.messages import OutboxMessage, OutboxStream
from rtmanager.domain.ports.outbox import OutboxBatch, OutboxRow, RelayFence, StaleBatch

MARKERS_KEPT = 10_000
MARKERS_BEFORE = "rtmanager:outbox_published"
"""The markers of the previous release, which had no installation ids: only read."""

# Arguments: fence, entries per stream, markers kept; then for each message its token, the number of
# its stream among the keys, the count of names and values that follow, and these. Returns the
# highest fence, having added nothing, when the batch's is lower.
#
# Markers alone would have to be kept for ever: a relay that froze between borrowing and publishing
# may send its batch at any later time. The fence refuses that, so a marker is needed only until its
# message is marked sent in the database. A message not yet marked sent is published again in one of
# the next batches, long before newer ones displace its marker.
_PUBLISH = """
local fence, highest = tonumber(ARGV[1]), redis.call('GET', KEYS[2])
if highest and fence < tonumber(highest) then return highest end
redis.call('SET', KEYS[2], ARGV[1])
local at = 4
while at <= #ARGV do
  local token, stream, parts = ARGV[at], KEYS[tonumber(ARGV[at + 1])], tonumber(ARGV[at + 2])
  if not redis.call('ZSCORE', KEYS[1], token) and not redis.call('ZSCORE', KEYS[3], token) then
    redis.call('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', unpack(ARGV, at + 3, at + 2 + parts))
    redis.call('ZADD', KEYS[1], fence, token)
  end
  at = at + 3 + parts
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
return false
"""

_CHANNELS = {
    OutboxStream.JOB_RESULTS: Channel.JOB_RESULTS,
    OutboxStream.HEALTH_EVENTS: Channel.HEALTH_EVENTS,
    OutboxStream.NOTIFICATION_INTENTS: Channel.NOTIFICATION_INTENTS,
}

logger = logging.getLogger(__name__)


class RedisMessagePublisher:
    """Publishes a batch in one atomic step; messages that break the schema are dead-lettered."""

    def __init__(
        self,
        client: RedisClient,
        installation: Installation,
        schemas: StreamSchemas,
        layout: StreamLayout,
    ) -> None:
        self._client = client
        self._installation = installation
        self._schemas = schemas
        self._layout = layout
        self._streams = [*layout.messages.values(), layout.dead]

    @property
    def _keys(self) -> list[str]:
        """The keys of the script; our own keys contain the installation's id."""
        ours = f"rtmanager:{self._installation.id}"
        return [
            f"{ours}:outbox_published",
            f"{ours}:outbox_fence",
            MARKERS_BEFORE,
            *self._streams,
        ]

    async def publish(self, batch: OutboxBatch) -> None:
        """Add the messages that were not added before."""
        arguments = [str(batch.fence), str(self._layout.maxlen), str(MARKERS_KEPT)]
        for row in batch.rows:
            arguments += self._arguments(row)
        keys = self._keys
        with redis_errors():
            highest = await self._client.commands.eval(_PUBLISH, len(keys), *keys, *arguments)
        if highest is not None:
            raise StaleBatch(highest=RelayFence(int(highest)))

    def _arguments(self, row: OutboxRow) -> list[str]:
        stream, fields = self._layout.messages[row.message.stream], row.message.fields
        if fault := self._fault(row.message):
            about = {"game_id": row.message.game_id, "outbox_id": row.id, "stream": stream}
            logger.error("message_dead_lettered", extra=about | {"fault": fault})
            stream, fields = self._layout.dead, _dead_letter(row, stream, fault)
        parts = [part for pair in fields.items() for part in pair]
        number = len(self._keys) - len(self._streams) + self._streams.index(stream) + 1
        return [row.token, str(number), str(len(parts)), *parts]

    def _fault(self, message: OutboxMessage) -> str | None:
        return self._schemas.fault(_CHANNELS[message.stream], message.fields)


def _dead_letter(row: OutboxRow, stream: str, fault: str) -> dict[str, str]:
    pairs = [(name.encode(), value.encode()) for name, value in row.message.fields.items()]
    return dead_letter(DeadOrigin.OUTBOX, stream, str(row.id), fault, pairs)
