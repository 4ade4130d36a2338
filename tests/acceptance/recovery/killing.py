"""Killing operations at their points, many at a time, and bringing the service back."""

import json
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx

from tests.acceptance.recovery.fault_points import ARMED, SIGNAL, TRACE
from tests.acceptance.recovery.operations import Case
from tests.acceptance.stage import Stage, new_game

FAULTY = ("tests.acceptance.recovery.faulty_service",)
LATER = ("tests.acceptance.recovery.later_service",)
PATIENCE = 60.0
BEGIN = "journal.begin"
CUT_OFF = 503
"""What a caller is answered whose operation goes on after the end of the process."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Death:
    """One operation, killed at one point: the point, and the calls that were made before it.

    `armed` is the point at which it was to die.
    """

    case: Case
    game: str
    armed: str
    point: str
    done: Sequence[str]

    @property
    def came_at_its_point(self) -> bool:
        """Tell whether it died where it was to die, and not at the end because it missed that."""
        return self.point == self.armed

    @property
    def has_begun(self) -> bool:
        """Tell whether the intent was committed by then."""
        return BEGIN in self.done

    def once_more(self) -> "Death":
        """Return it as it was planned, for another game."""
        return replace(self, game=new_game(), point=self.armed)

    def __str__(self) -> str:
        """Name it for people."""
        return f"{self.case.name} ended before {self.point} ({self.game})"


def side_by_side(work: Callable[[T], R], items: Sequence[T], *, at_once: int = 8) -> list[R]:
    """Do the same for all, a few at a time, and return the results in order."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(work, items))


@contextmanager
def armed(
    stage: Stage, points: dict[str, str], trace: Path, number: signal.Signals = signal.SIGKILL
) -> Iterator[None]:
    """Run the service under the launcher of the faults for the block, then kill it."""
    trace.touch()
    arming = {ARMED: json.dumps(points), TRACE: str(trace), SIGNAL: str(number.value)}
    with launched(stage, FAULTY, arming):
        yield


@contextmanager
def launched(stage: Stage, program: Sequence[str], more: Mapping[str, str]) -> Iterator[None]:
    """Run the service by another launcher for the block, then kill it."""
    service = stage.service
    before = service.program, service.environment
    service.stop()
    service.program = program
    service.environment = {**service.environment, **more}
    try:
        service.start()
        yield
    finally:
        service.program, service.environment = before
        service.kill()


def record_points(stage: Stage, cases: Sequence[Case], trace: Path) -> dict[str, list[str]]:
    """Return by case the points that its operation passes when nothing goes wrong."""
    games = {case.name: new_game() for case in cases}
    side_by_side(lambda case: case.prepare(stage, games[case.name]), cases)
    with armed(stage, {case.task(games[case.name]): "" for case in cases}, trace):
        answers = side_by_side(lambda case: case.request(stage, games[case.name]), cases)
        assert [each.status_code for each in answers] == [case.answer for case in cases]
    stage.service.start()
    passed = passed_points(trace)
    return {case.name: passed[case.task(games[case.name])] for case in cases}


def deaths_of(case: Case, points: Sequence[str]) -> Iterator[Death]:
    """Return a death at every point of an operation, each in a game of its own."""
    for at, point in enumerate(points):
        yield Death(case, new_game(), point, point, _calls(points[:at]))


def end_all(
    stage: Stage, deaths: Sequence[Death], trace: Path, number: signal.Signals
) -> list[Death]:
    """Send every request, and end the service by the signal with each of them at its point.

    Return the deaths as they came: an operation that did not pass its point died at its last one,
    and says so.
    """
    points = {each.case.task(each.game): each.armed for each in deaths}
    with armed(stage, points, trace, number):
        send = partial(_send, stage)
        with ThreadPoolExecutor(len(deaths)) as pool:
            sent = [pool.submit(send, each) for each in deaths]
            ended = stage.service.wait_for_death(PATIENCE)
            answers = [each.result() for each in sent]
    killed = number is signal.SIGKILL
    assert ended == (-signal.SIGKILL if killed else 0)
    assert answers == [None if killed else CUT_OFF] * len(deaths), answers
    passed = passed_points(trace)
    came = [_as_it_came(each, passed[each.case.task(each.game)]) for each in deaths]
    return came if killed else [_with_its_beginning(each) for each in came]


def passed_points(trace: Path) -> dict[str, list[str]]:
    """Return the points that each operation has passed, in order."""
    passed: dict[str, list[str]] = defaultdict(list)
    for line in trace.read_text().splitlines():
        operation, _, point = line.partition("\t")
        passed[operation].append(point)
    return passed


def _as_it_came(death: Death, passed: Sequence[str]) -> Death:
    *before, point = passed
    return replace(death, point=point, done=_calls(before))


def _with_its_beginning(cut_off: Death) -> Death:
    """Return it as begun if it was cut off there: a beginning is finished and handed over."""
    if cut_off.point.endswith(BEGIN):
        return replace(cut_off, done=[*cut_off.done, BEGIN])
    return cut_off


def _calls(points: Sequence[str]) -> list[str]:
    return [each.partition(":")[2] for each in points]


def _send(stage: Stage, death: Death) -> int | None:
    """Send the request of a death; None says that it was never answered."""
    try:
        return death.case.request(stage, death.game).status_code
    except httpx.TransportError:
        return None
