"""The Game Lobby as fast as it can be: jobs queued in one go, results read as they come."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis

START_JOBS = "runtime:start_jobs"
JOB_RESULTS = "runtime:job_results"
IMAGE = "galaxy/game:1.4.7"
BATCH = 1_000


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
        """Queue so many start jobs, all games taking turns."""
        for first in range(0, jobs, BATCH):
            pipeline = self.redis.pipeline(transaction=False)
            for number in range(first, min(first + BATCH, jobs)):
                pipeline.xadd(START_JOBS, _job(games[number % len(games)]))
            pipeline.execute()

    def results(self, count: int, *, patience: float = 120) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the next results, each with the server's clock in milliseconds at its adding."""
        left = count
        while left:
            answer = self.redis.xread(
                {JOB_RESULTS: self._read_until}, count=min(left, BATCH), block=int(patience * 1000)
            )
            if not answer:
                raise TimeoutError(f"no result within {patience:g} s, {left} are missing")
            entries = answer[0][1]
            self._read_until = entries[-1][0]
            left -= len(entries)
            for entry_id, fields in entries:
                yield int(entry_id.partition("-")[0]), fields


def _job(game: str) -> dict[str, str]:
    return {"game_id": game, "image_ref": IMAGE, "requested_at_ms": str(int(time.time() * 1000))}
