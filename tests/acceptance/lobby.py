"""The neighbours on the streams as an acceptance test plays them: jobs in, messages out."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis import Redis

from tests.acceptance.stage import image_of, wait_until

Fields = dict[str, str]

START_JOBS = "runtime:start_jobs"
STOP_JOBS = "runtime:stop_jobs"
JOB_RESULTS = "runtime:job_results"
HEALTH_EVENTS = "runtime:health_events"
INTENTS = "notification:intents"
DEAD_JOBS = "runtime:dead_jobs"
GROUP = "runtime_manager"


@dataclass(frozen=True)
class Lobby:
    """The Game Lobby, and everyone else who reads what the service publishes."""

    redis: Any  # answers text; its types allow for bytes

    def start(self, game: str, image: str = image_of("1.4.7")) -> str:
        """Ask for a start and return the job's id."""
        return self.send(START_JOBS, {"game_id": game, "image_ref": image, **_now()})

    def stop(self, game: str, reason: str = "finished") -> str:
        """Ask for a stop and return the job's id."""
        return self.send(STOP_JOBS, {"game_id": game, "reason": reason, **_now()})

    def send(self, stream: str, fields: Mapping[str, str]) -> str:
        """Add any entry to a stream and return its id."""
        self._next_millisecond()
        return str(self.redis.xadd(stream, dict(fields)))

    def result(self, job: str, *, seconds: float = 30) -> Fields:
        """Wait for the one result of a job."""
        wait_until(lambda: self._results_of(job), seconds=seconds)
        (result,) = self._results_of(job)
        return result

    def results(self, game: str) -> list[Fields]:
        """Return the results about a game, oldest first."""
        return self.read(JOB_RESULTS, game)

    def read(self, stream: str, game: str | None = None) -> list[Fields]:
        """Return the entries of a stream, of one game or of all, oldest first."""
        entries = (fields for _, fields in self.redis.xrange(stream))
        return [each for each in entries if game is None or each.get("game_id") == game]

    def dead_letter(self, job: str) -> Fields | None:
        """Return the dead letter about a job, if there is one."""
        found = [each for each in self.read(DEAD_JOBS) if each["entry_id"] == job]
        assert len(found) <= 1, found
        return found[0] if found else None

    def pending(self) -> int:
        """Return how many jobs were delivered and are not acknowledged."""
        return sum(
            int(group["pending"])
            for stream in (START_JOBS, STOP_JOBS)
            if self.redis.exists(stream)
            for group in self.redis.xinfo_groups(stream)
        )

    def assert_all_acknowledged(self) -> None:
        """Demand that no job is left in the hands of a consumer."""
        wait_until(lambda: self.pending() == 0)

    def _results_of(self, job: str) -> list[Fields]:
        return [each for each in self.read(JOB_RESULTS) if each["job_id"] == job]

    def _next_millisecond(self) -> None:
        """Wait for the server's clock to move on: entries of one millisecond have no order."""
        now = self._milliseconds()
        while self._milliseconds() == now:
            pass

    def _milliseconds(self) -> int:
        seconds, microseconds = self.redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000


def lobby_of(address: str) -> Lobby:
    """Return the Lobby on the Redis at this host:port."""
    host, _, port = address.partition(":")
    return Lobby(Redis(host=host, port=int(port), decode_responses=True))


@contextmanager
def lobby_at(address: str) -> Iterator[Lobby]:
    """Let the Lobby be there for the block."""
    lobby = lobby_of(address)
    try:
        yield lobby
    finally:
        lobby.redis.close()


def _now() -> Fields:
    return {"requested_at_ms": str(int(time.time() * 1000))}
