"""What waits in the job streams."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.consumer_group import ConsumerGroup
from rtmanager.adapters.redis.streams import StreamLayout
from rtmanager.domain.ports.backlogs import Backlog
from rtmanager.domain.ports.job_stream import entry_order


class RedisJobBacklogs:
    """Counts the entries that the group has not acknowledged, delivered or not."""

    about = "the job streams"

    def __init__(self, client: RedisClient, layout: StreamLayout, *, group: str) -> None:
        self._group = ConsumerGroup(client, group=group)
        self._streams = list(layout.jobs.values())

    async def read(self) -> Sequence[Backlog]:
        """Return what waits in each stream, by its name."""
        return [await self._read(stream) for stream in self._streams]

    async def _read(self, stream: str) -> Backlog:
        waiting, oldest = await self._group.backlog(stream)
        return Backlog(stream, waiting, None if oldest is None else _added_at(oldest))


def _added_at(entry_id: str) -> datetime | None:
    """Return when the entry was added; None if whoever chose its id has chosen no time."""
    try:
        return datetime.fromtimestamp(entry_order(entry_id)[0] / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
