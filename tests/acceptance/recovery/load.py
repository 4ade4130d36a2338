"""Callers who keep several games busy, and what their answers and the log must agree on."""

import secrets
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle

import httpx

from tests.acceptance.stage import Row, Stage, image_of, wait_until
from tests.services import plain_http
from tests.services.running_service import RUNTIMES

STEPS = ("start", "restart", "patch", "stop", "start", "stop", "container")
PAUSE = 0.05
SETTLED_WITHIN = 80.0  # longer than the grace of what was left parked
UNCLEAR = {None, HTTPStatus.SERVICE_UNAVAILABLE}
"""The answers, and the missing one, that leave open what became of a request."""


@dataclass(frozen=True)
class Answer:
    """One request: its game, its id, and the status it was answered, None if never."""

    game: str
    request_id: str
    status: int | None


@dataclass
class Load:
    """Each game has one caller, who asks for one operation after the other."""

    stage: Stage
    games: Sequence[str]
    answers: list[Answer] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Keep the games busy beside the block; afterwards every request has its end."""
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
        """Tell whether any request was answered 503."""
        return any(each.status == HTTPStatus.SERVICE_UNAVAILABLE for each in self.answers)

    def _call(self, game: str) -> None:
        for step in cycle(STEPS):
            if self._is_over.is_set():
                return
            self.answers.append(self._ask(game, step))
            time.sleep(PAUSE)

    def _ask(self, game: str, step: str) -> Answer:
        request_id = secrets.token_hex(8)
        method = "DELETE" if step == "container" else "POST"
        bodies: dict[str, object] = {
            "start": {"image_ref": image_of("1.4.7")},
            "patch": {"image_ref": image_of("1.4.8")},
            "stop": {"reason": "finished"},
        }
        url = f"{self.stage.service.url}{RUNTIMES}/{game}/{step}"
        headers = {"X-Request-Id": request_id}
        try:
            answer = plain_http.request(
                method, url, json=bodies.get(step), headers=headers, timeout=60
            )
        except httpx.TransportError:
            return Answer(game, request_id, None)
        return Answer(game, request_id, answer.status_code)


def assert_true_outcomes(load: Load, *, without_log: bool, seconds: float = SETTLED_WITHIN) -> None:
    """Demand that all is settled, that the log agrees with the answers, and records with Docker.

    `without_log` tells that Postgres was away: what was refused meanwhile could not be logged.
    """
    stage = load.stage
    for game in load.games:
        statement = "SELECT * FROM operation_log WHERE game_id = %s AND outcome IS NULL"
        wait_until(lambda: not stage.rows(statement, game), seconds=seconds)  # noqa: B023 - at once
        wait_until(lambda: not disagreements(stage, game), seconds=seconds)  # noqa: B023 - at once
    rows = [row for game in load.games for row in stage.operations(game)]
    assert rows
    assert wrong_answers(load.answers, rows, without_log=without_log) == []


def wrong_answers(
    answers: Sequence[Answer], rows: Sequence[Row], *, without_log: bool
) -> list[str]:
    """Return the answers that the log contradicts, and the rows that nobody asked for."""
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
    """Tell whether an answer's rows are those that it must have.

    A request that was told an outcome, refusals included, has one row, which says the same. After
    a 503 the row may say whatever came of it in the end, and so may that of a lost answer.
    """
    if not outcomes:
        return answer.status in may_lack_row
    if answer.status in UNCLEAR:
        return len(outcomes) == 1
    return outcomes == ["success" if answer.status == HTTPStatus.OK else "failure"]


def disagreements(stage: Stage, game: str) -> list[str]:
    """Return how a game's record and its containers differ, parked ones included."""
    rows = stage.rows("SELECT * FROM runtime_records WHERE game_id = %s", game)
    has_container = rows and rows[0]["status"] != "removed"
    expected = (
        [(rows[0]["current_container_id"], f"/galaxy-game-{game}", rows[0]["status"] == "running")]
        if has_container
        else []
    )
    found = [
        (each["Id"], each["Names"][0], each["State"] == "running")
        for each in stage.containers(game)
    ]
    return [] if found == expected else [f"{game}: {expected}, not {found}"]
