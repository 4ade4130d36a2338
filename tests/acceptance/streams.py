"""The streams as acceptance tests use them: the Lobby's jobs and results, and a storm of jobs."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, pairwise, zip_longest
from typing import Any

from redis import Redis

from tests.support.calls import wait_until
from tests.support.environment import Environment, Row, image_of

Fields = dict[str, str]

START_JOBS = "runtime:start_jobs"
STOP_JOBS = "runtime:stop_jobs"
JOB_RESULTS = "runtime:job_results"
HEALTH_EVENTS = "runtime:health_events"
INTENTS = "notification:intents"
DEAD_JOBS = "runtime:dead_jobs"
GROUP = "runtime_manager"

JOBS_PER_GAME = 20
RESULT_WITHIN = 60.0
IMAGE = image_of("1.4.7")

JobName = tuple[str, str]
"""The kind of a job and its entry id, which is unique per stream."""


@dataclass(frozen=True)
class Lobby:
    """The Game Lobby, and any other service that reads what is published."""

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
        """Return the dead letter about a job, if any."""
        found = [each for each in self.read(DEAD_JOBS) if each["entry_id"] == job]
        assert len(found) <= 1, found
        return found[0] if found else None

    def pending(self) -> int:
        """Return how many jobs were delivered but not acknowledged."""
        return sum(
            int(group["pending"])
            for stream in (START_JOBS, STOP_JOBS)
            if self.redis.exists(stream)
            for group in self.redis.xinfo_groups(stream)
        )

    def assert_all_acknowledged(self) -> None:
        """Assert that every job that was delivered is acknowledged."""
        wait_until(lambda: self.pending() == 0)

    def _results_of(self, job: str) -> list[Fields]:
        return [each for each in self.read(JOB_RESULTS) if each["job_id"] == job]

    def _next_millisecond(self) -> None:
        """Wait for the server's clock to advance: entries of one millisecond have no order."""
        now = self._milliseconds()
        while self._milliseconds() == now:
            pass

    def _milliseconds(self) -> int:
        seconds, microseconds = self.redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000


@contextmanager
def lobby_at(address: str) -> Iterator[Lobby]:
    """Return the Lobby on the Redis at this host:port, for the block."""
    host, _, port = address.partition(":")
    with Redis(host=host, port=int(port), decode_responses=True) as redis:
        yield Lobby(redis)


def _now() -> Fields:
    return {"requested_at_ms": str(int(time.time() * 1000))}


@dataclass
class Storm:
    """Sends the jobs a few at a time, and disturbs the service after each batch.

    All but a few of a game's jobs are replays, so that real container work stays bounded.
    """

    lobby: Lobby
    games: Sequence[str]
    random: random.Random
    sent: dict[str, list[JobName]] = field(default_factory=lambda: defaultdict(list))

    @property
    def size(self) -> int:
        """The number of jobs in the storm."""
        return len(self.games) * JOBS_PER_GAME

    def blow(self, disturbances: Sequence[Callable[[], None]]) -> None:
        """Send every job; each disturbance happens while an equal share of them is under way.

        A disturbance waits for a result since the last one, so that they hit different jobs.
        """
        jobs = self._jobs()
        shares = len(disturbances)
        bounds = [len(jobs) * share // shares for share in range(shares + 1)]
        for disturb, (first, last) in zip(disturbances, pairwise(bounds), strict=True):
            for game, kind in jobs[first:last]:
                self._send(game, kind)
            self.wait_for_results(self.answered() + 1)
            time.sleep(self.random.uniform(0, 0.3))
            disturb()

    def results(self) -> list[Fields]:
        """Return the results about the storm's games."""
        return [each for each in self.lobby.read(JOB_RESULTS) if each["game_id"] in self.sent]

    def results_by_game(self) -> dict[str, list[JobName]]:
        """Return the answered jobs of each game, in the order of the answers."""
        answered: dict[str, list[JobName]] = defaultdict(list)
        for each in self.results():
            answered[each["game_id"]].append((each["op_kind"], each["job_id"]))
        return answered

    def answered(self) -> int:
        """Return how many jobs have a result, on a stream that only the storm uses."""
        return int(self.lobby.redis.xlen(JOB_RESULTS))

    def wait_for_results(self, number: int, *, seconds: float = RESULT_WITHIN) -> None:
        """Wait until so many jobs have a result."""
        wait_until(lambda: self.answered() >= number, seconds=seconds)

    def assert_one_row_each(self, environment: Environment) -> None:
        """Assert that each job has one operation, in order, with the outcome of its result.

        There are no others except those that the service began by itself.
        """
        ends = {(each["op_kind"], each["job_id"]): _end(each) for each in self.results()}
        for game in self.games:
            rows = environment.operations(game)
            assert {row["source"] for row in rows} == {"lobby_stream"}
            assert [(row["kind"], row["source_ref"]) for row in rows] == self.sent[game]
            assert [_end(row) for row in rows] == [ends[job] for job in self.sent[game]]

    def outcomes(self) -> str:
        """Return how many jobs ended with each outcome."""
        ends = Counter((each["outcome"], each["error_code"]) for each in self.results())
        return ", ".join(
            f"{outcome} {code}".strip() + f" {n}" for (outcome, code), n in ends.items()
        )

    def _jobs(self) -> list[tuple[str, str]]:
        """Return (game, kind) of every job, the games taking turns."""
        turns = zip_longest(*([(game, kind) for kind in self._kinds()] for game in self.games))
        return [each for each in chain.from_iterable(turns) if each]

    def _kinds(self) -> list[str]:
        first = self.random.randint(4, JOBS_PER_GAME - 8)
        stops = self.random.randint(1, 4)
        return ["start"] * first + ["stop"] * stops + ["start"] * (JOBS_PER_GAME - first - stops)

    def _send(self, game: str, kind: str) -> None:
        job = self.lobby.start(game, IMAGE) if kind == "start" else self.lobby.stop(game)
        self.sent[game].append((kind, job))


def _end(reported: Row | Mapping[str, str]) -> tuple[str, str]:
    """Return outcome and code of a row or a result; a result has an empty string for no code."""
    return str(reported["outcome"]), str(reported["error_code"] or "")
