"""The streams of a benchmark: a fast Game Lobby, and a baseline with Redis alone."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

START_JOBS = "runtime:start_jobs"
JOB_RESULTS = "runtime:job_results"
IMAGE = "galaxy/game:1.4.7"
BATCH = 1_000
STREAM = "bench:alone"
GROUP = "bench"
READ_BATCH = 100
"""Entries per read, as in the service."""


class Lobby:
    """Sends start jobs and reads results, each result once."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self.redis: Any = Redis(host=host, port=int(port), decode_responses=True)
        self._read_until = "0"

    def start(self, game: str) -> str:
        """Ask for a start and return the job's id."""
        return str(self.redis.xadd(START_JOBS, _job(game)))

    def queue(self, games: Sequence[str], jobs: int) -> None:
        """Queue this many start jobs, for all games in turn."""
        for first in range(0, jobs, BATCH):
            pipeline = self.redis.pipeline(transaction=False)
            for number in range(first, min(first + BATCH, jobs)):
                pipeline.xadd(START_JOBS, _job(games[number % len(games)]))
            pipeline.execute()

    def results(self, count: int, *, timeout: float = 120) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the next results, each with the time in milliseconds at which it was added."""
        left = count
        while left:
            answer = self.redis.xread(
                {JOB_RESULTS: self._read_until}, count=min(left, BATCH), block=int(timeout * 1000)
            )
            if not answer:
                raise TimeoutError(f"no result within {timeout:g} s, {left} are missing")
            entries = answer[0][1]
            self._read_until = entries[-1][0]
            left -= len(entries)
            for entry_id, fields in entries:
                yield int(entry_id.partition("-")[0]), fields


def _job(game: str) -> dict[str, str]:
    return {"game_id": game, "image_ref": IMAGE, "requested_at_ms": str(int(time.time() * 1000))}


def redis_alone(redis: Any, entries: int) -> float:
    """Return entries per second of XREADGROUP and one XACK each, with the service's client.

    That is the minimum cost of reading jobs: the same commands, without any processing.
    """
    redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    for first in range(0, entries, BATCH):
        pipeline = redis.pipeline(transaction=False)
        for _ in range(min(BATCH, entries - first)):
            pipeline.xadd(STREAM, _job("bench-00000000"))
        pipeline.execute()
    address = redis.connection_pool.connection_kwargs
    seconds = asyncio.run(_consume(address["host"], address["port"]))
    redis.delete(STREAM)
    return entries / seconds


async def _consume(host: str, port: int) -> float:
    latest: Any = {STREAM: ">"}
    began = time.perf_counter()
    client: Any = AsyncRedis(host=host, port=port, protocol=2)
    async with client as redis:
        while answer := await redis.xreadgroup(GROUP, "alone", latest, READ_BATCH):
            for entry_id, _ in answer[0][1]:
                await redis.xack(STREAM, GROUP, entry_id)
    return time.perf_counter() - began
