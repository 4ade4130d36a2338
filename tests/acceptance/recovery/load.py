"""Callers that keep several games busy, and how their answers and the log must agree."""

import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import cycle

import httpx

from tests.support.calls import wait_until
from tests.support.environment import Environment, Request, Row

REQUESTS: Sequence[Request] = (
    Environment.start,
    Environment.restart,
    lambda environment, game: environment.patch(game, "1.4.8"),
    Environment.stop,
    Environment.start,
    Environment.stop,
    Environment.clean_up,
)
PAUSE = 0.05
CONSISTENT_WITHIN = 80.0  # longer than the grace period of parked containers
UNCLEAR = {None, HTTPStatus.SERVICE_UNAVAILABLE}
"""The answers that leave the outcome of a request open, including no answer."""


@dataclass(frozen=True)
class Answer:
    """One request: its game, its id, and the status of its answer, None if there was none."""

    game: str
    request_id: str
    status: int | None


@dataclass
class Load:
    """Each game has one caller, which requests one operation after the other."""

    environment: Environment
    games: Sequence[str]
    answers: list[Answer] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the games busy during the block; afterwards every request has ended."""
        with ThreadPoolExecutor(len(self.games)) as pool:
            callers = [pool.submit(self._call, game) for game in self.games]
            try:
                yield
            finally:
                self._is_over.set()
        for caller in callers:
            caller.result()

    def wait_for_success(self, seconds: float) -> None:
        """Wait until every game has had one more success."""
        before = len(self.answers)

        def have_succeeded() -> bool:
            later = self.answers[before:]
            return {each.game for each in later if each.status == 200} >= set(self.games)

        wait_until(have_succeeded, seconds=seconds)

    @property
    def summary(self) -> str:
        """How often each status was answered."""
        counted = Counter(str(each.status or "lost") for each in self.answers)
        return ", ".join(f"{status}: {count}" for status, count in sorted(counted.items()))

    @property
    def was_refused(self) -> bool:
        """Return whether any request was answered 503."""
        return any(each.status == HTTPStatus.SERVICE_UNAVAILABLE for each in self.answers)

    def _call(self, game: str) -> None:
        for request in cycle(REQUESTS):
            if self._is_over.is_set():
                return
            self.answers.append(self._ask(game, request))
            time.sleep(PAUSE)

    def _ask(self, game: str, request: Request) -> Answer:
        request_id = secrets.token_hex(8)
        caller = replace(self.environment, headers={"X-Request-Id": request_id})
        try:
            return Answer(game, request_id, request(caller, game).status_code)
        except httpx.TransportError:
            return Answer(game, request_id, None)


def assert_consistent_outcomes(
    load: Load, *, without_log: bool, seconds: float = CONSISTENT_WITHIN
) -> None:
    """Assert that nothing is open, that the log agrees with the answers, and records with Docker.

    `without_log` means that Postgres was away: refusals meanwhile could not be logged.
    """
    environment = load.environment
    for game in load.games:
        wait_until(lambda: not environment.open_operations(game), seconds=seconds)  # noqa: B023 - at once
        wait_until(lambda: not environment.inconsistencies(game), seconds=seconds)  # noqa: B023 - at once
    rows = [row for game in load.games for row in environment.operations(game)]
    assert rows
    assert wrong_answers(load.answers, rows, without_log=without_log) == []


def wrong_answers(
    answers: Sequence[Answer], rows: Sequence[Row], *, without_log: bool
) -> list[str]:
    """Return the answers that the log contradicts, and the rows that nobody requested."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row["game_id"], row["source_ref"]].append(row)
    asked = {(each.game, each.request_id) for each in answers}
    may_lack_row = UNCLEAR if without_log else {None}
    wrong = [
        f"{each} has the outcomes {outcomes}"
        for each in answers
        if not _agree(each, outcomes := _outcomes(each, found), may_lack_row)
    ]
    return wrong + [f"nobody asked for {found[key]}" for key in found.keys() - asked]


def _outcomes(answer: Answer, found: Mapping[tuple[str, str], Sequence[Row]]) -> list[str]:
    return [row["outcome"] for row in found.get((answer.game, answer.request_id), ())]


def _agree(answer: Answer, outcomes: Sequence[str], may_lack_row: Collection[int | None]) -> bool:
    """Return whether the rows match the answer.

    A request that was answered with an outcome or a refusal has one row, which says the same. After
    a 503 or a lost answer the row may have any outcome.
    """
    if not outcomes:
        return answer.status in may_lack_row
    if answer.status in UNCLEAR:
        return len(outcomes) == 1
    return outcomes == ["success" if answer.status == HTTPStatus.OK else "failure"]
