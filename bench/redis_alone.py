"""The least that reading jobs can cost: the same commands on the same server, nothing behind."""

import asyncio
import time
from typing import Any

from redis.asyncio import Redis

STREAM = "bench:alone"
GROUP = "bench"
READ_AT_ONCE = 100
"""As many as the service reads."""
FIELDS = {"game_id": "bench-00000000", "image_ref": "galaxy/game:1.4.7", "requested_at_ms": "1"}


def redis_alone(redis: Any, entries: int) -> float:
    """Return entries per second of XREADGROUP and one XACK each, by the client that we use."""
    redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    for first in range(0, entries, 1_000):
        pipeline = redis.pipeline(transaction=False)
        for _ in range(min(1_000, entries - first)):
            pipeline.xadd(STREAM, FIELDS)
        pipeline.execute()
    address = redis.connection_pool.connection_kwargs
    seconds = asyncio.run(_consume(address["host"], address["port"]))
    redis.delete(STREAM)
    return entries / seconds


async def _consume(host: str, port: int) -> float:
    latest: Any = {STREAM: ">"}
    began = time.perf_counter()
    client: Any = Redis(host=host, port=port, protocol=2)
    async with client as redis:
        while answer := await redis.xreadgroup(GROUP, "alone", latest, READ_AT_ONCE):
            for entry_id, _ in answer[0][1]:
                await redis.xack(STREAM, GROUP, entry_id)
    return time.perf_counter() - began
