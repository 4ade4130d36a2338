"""A storm: many jobs on many games, while everything that the service needs comes and goes."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise, zip_longest

from tests.acceptance.lobby import JOB_RESULTS, Fields, Lobby
from tests.acceptance.stage import Row, Stage, image_of, wait_until

JOBS_PER_GAME = 20
PATIENCE = 60.0
IMAGE = image_of("1.4.7")

JobName = tuple[str, str]
"""The kind of a job and its entry id, which is unique per stream."""


@dataclass
class Storm:
    """Sends the jobs a few at a time, and does something bad after each few.

    Of a game's jobs all but a few are replays, so that real container work stays bounded.
    """

    lobby: Lobby
    games: Sequence[str]
    random: random.Random
    sent: dict[str, list[JobName]] = field(default_factory=lambda: defaultdict(list))

    @property
    def size(self) -> int:
        """Return how many jobs the storm has."""
        return len(self.games) * JOBS_PER_GAME

    def blow(self, disturbances: Sequence[Callable[[], None]]) -> None:
        """Send every job; each disturbance has an equal share of them on its way.

        None comes before there is a result since the one before: they would all hit the same jobs.
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
        """Return the results that are about the storm's games."""
        return [each for each in self.lobby.read(JOB_RESULTS) if each["game_id"] in self.sent]

    def results_by_game(self) -> dict[str, list[JobName]]:
        """Return which jobs of each game were answered, in the order of the answers."""
        answered: dict[str, list[JobName]] = defaultdict(list)
        for each in self.results():
            answered[each["game_id"]].append((each["op_kind"], each["job_id"]))
        return answered

    def answered(self) -> int:
        """Return how many jobs have a result, on a stream that the storm has to itself."""
        return int(self.lobby.redis.xlen(JOB_RESULTS))

    def wait_for_results(self, number: int, *, seconds: float = PATIENCE) -> None:
        """Wait until so many jobs have a result."""
        wait_until(lambda: self.answered() >= number, seconds=seconds)

    def assert_one_true_row_each(self, stage: Stage) -> None:
        """Demand one row for each job, in their order, that says what the job's result says.

        Beside them are the rows of what the service did by itself, and none else.
        """
        ends = {(each["op_kind"], each["job_id"]): _end(each) for each in self.results()}
        for game in self.games:
            rows = stage.operations(game)
            assert {row["source"] for row in rows} == {"lobby_stream"}
            assert [(row["kind"], row["source_ref"]) for row in rows] == self.sent[game]
            assert [_end(row) for row in rows] == [ends[job] for job in self.sent[game]]

    def figures(self) -> str:
        """Say how the jobs ended."""
        ends = Counter((each["outcome"], each["error_code"]) for each in self.results())
        return ", ".join(
            f"{outcome} {code}".strip() + f" {n}" for (outcome, code), n in ends.items()
        )

    def _jobs(self) -> list[tuple[str, str]]:
        """Return (game, kind) of every job, all games taking turns."""
        turns = zip_longest(*([(game, kind) for kind in self._kinds()] for game in self.games))
        return [each for each in chain.from_iterable(turns) if each]

    def _kinds(self) -> list[str]:
        first = self.random.randint(4, JOBS_PER_GAME - 8)
        stops = self.random.randint(1, 4)
        return ["start"] * first + ["stop"] * stops + ["start"] * (JOBS_PER_GAME - first - stops)

    def _send(self, game: str, kind: str) -> None:
        job = self.lobby.start(game, IMAGE) if kind == "start" else self.lobby.stop(game)
        self.sent[game].append((kind, job))


def _end(said: Row | Mapping[str, str]) -> tuple[str, str]:
    """Return outcome and error code of a row or a result, which leaves an empty text for none."""
    return str(said["outcome"]), str(said["error_code"] or "")
