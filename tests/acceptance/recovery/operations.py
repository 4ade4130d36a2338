"""The operations that are interrupted at every step, and how the service is ended at each."""

import json
import signal
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx

from tests.acceptance.recovery.instrumented_service import ARMED, FAULTY, SIGNAL, TRACE
from tests.support.calls import ok, side_by_side
from tests.support.environment import STUBBORN_ENGINE, Environment, Request, new_game

OLD, NEW = "1.4.7", "1.4.8"
BROKEN = "1.4.90-exits-when-asked"
"""Not one that exits by itself: whether it is still observed running after its start is chance."""


@dataclass(frozen=True)
class EndState:
    """Where a game ends: the status and the version in its record."""

    status: str
    version: str | None

    @property
    def has_container(self) -> bool:
        """Return whether the game has a container, under its own name."""
        return self.status in {"running", "stopped"}


NOTHING = EndState("missing", None)


@dataclass(frozen=True)
class Case:
    """One operation in one situation, and its end state, however often it is interrupted.

    An operation whose engine cannot run `fails`, and ends where it began. One that `keeps` leaves
    the game its container.
    """

    name: str
    set_up: Sequence[Request]
    request: Request
    before: EndState
    after: EndState
    verb: str
    fails: bool = False
    keeps: bool = False

    def task(self, game: str) -> str:
        """Return the name under which the service runs the operation."""
        return f"{self.verb} {game}"

    def prepare(self, environment: Environment, game: str) -> None:
        """Bring a game into the situation."""
        for request in self.set_up:
            ok(request(environment, game))

    def end(self, *, begun: bool) -> EndState:
        """Return the end state after recovery: an operation that has begun is resumed."""
        return self.after if begun else self.before

    @property
    def answer(self) -> int:
        """The status of the answer to the request."""
        return 500 if self.fails else 200


def _start(version: str) -> Request:
    return lambda environment, game: environment.start(game, version)


def _patch(version: str) -> Request:
    return lambda environment, game: environment.patch(game, version)


RUNS, STOPPED, RUNS_NEW = (
    EndState("running", OLD),
    EndState("stopped", OLD),
    EndState("running", NEW),
)
RUNS_STUBBORN = EndState("running", STUBBORN_ENGINE)

CASES = (
    Case("first start", [], _start(OLD), NOTHING, RUNS, "start"),
    Case(
        "start over a stopped one",
        [_start(OLD), Environment.stop],
        _start(NEW),
        STOPPED,
        RUNS_NEW,
        "start",
    ),
    Case("restart", [_start(OLD)], Environment.restart, RUNS, RUNS, "restart"),
    Case("patch", [_start(OLD)], _patch(NEW), RUNS, RUNS_NEW, "patch"),
    Case(
        "patch of an engine that ignores SIGTERM",
        [_start(STUBBORN_ENGINE)],
        _patch(NEW),
        RUNS_STUBBORN,
        RUNS_NEW,
        "patch",
    ),
    Case(
        "broken patch", [_start(OLD)], _patch(BROKEN), RUNS, RUNS, "patch", fails=True, keeps=True
    ),
    Case("stop", [_start(OLD)], Environment.stop, RUNS, STOPPED, "stop", keeps=True),
    Case(
        "stop of an engine that ignores SIGTERM",
        [_start(STUBBORN_ENGINE)],
        Environment.stop,
        RUNS_STUBBORN,
        EndState("stopped", STUBBORN_ENGINE),
        "stop",
        keeps=True,
    ),
    Case(
        "cleanup",
        [_start(OLD), Environment.stop],
        Environment.clean_up,
        STOPPED,
        EndState("removed", None),
        "cleanup_container",
    ),
)

ENDED_WITHIN = 60.0
BEGIN = "journal.begin"
HANDED_OVER = 503
"""The answer to a caller whose operation is resumed after the end of the process."""


@dataclass(frozen=True)
class Interruption:
    """One operation, interrupted at one point: the point, and the calls that were made before it.

    `armed` is the point at which it was to be interrupted.
    """

    case: Case
    game: str
    armed: str
    point: str
    done: Sequence[str]

    @property
    def is_at_its_point(self) -> bool:
        """Return whether it was interrupted where planned, and not at the last point instead."""
        return self.point == self.armed

    @property
    def has_begun(self) -> bool:
        """Return whether the intent was committed by then."""
        return BEGIN in self.done

    def once_more(self) -> "Interruption":
        """Return it as planned, for another game."""
        return replace(self, game=new_game(), point=self.armed)

    def __str__(self) -> str:
        """Return a readable form."""
        return f"{self.case.name} ended before {self.point} ({self.game})"


def _armed(
    points: Mapping[str, str], trace: Path, number: signal.Signals = signal.SIGKILL
) -> dict[str, str]:
    """Return the environment of a faulty service in which operations end at these points."""
    trace.touch()
    return {ARMED: json.dumps(points), TRACE: str(trace), SIGNAL: str(number.value)}


def record_points(
    environment: Environment, cases: Sequence[Case], trace: Path
) -> dict[str, list[str]]:
    """Return by case the points that its operation passes when nothing goes wrong."""
    games = {case.name: new_game() for case in cases}
    side_by_side(lambda case: case.prepare(environment, games[case.name]), cases)
    arming = _armed({case.task(games[case.name]): "" for case in cases}, trace)
    with environment.service.replaced_by(FAULTY, arming):
        answers = side_by_side(lambda case: case.request(environment, games[case.name]), cases)
        assert [each.status_code for each in answers] == [case.answer for case in cases]
    environment.service.start()
    passed = passed_points(trace)
    return {case.name: passed[case.task(games[case.name])] for case in cases}


def interruptions_of(case: Case, points: Sequence[str]) -> Iterator[Interruption]:
    """Return an interruption at every point of an operation, each in a game of its own."""
    for at, point in enumerate(points):
        yield Interruption(case, new_game(), point, point, _calls(points[:at]))


def end_all(
    environment: Environment,
    interruptions: Sequence[Interruption],
    trace: Path,
    number: signal.Signals,
) -> list[Interruption]:
    """Send every request, and end the service by the signal with each of them at its point.

    Return the interruptions that took place: an operation that did not pass its point was
    interrupted at its last one.
    """
    points = {each.case.task(each.game): each.armed for each in interruptions}
    with environment.service.replaced_by(FAULTY, _armed(points, trace, number)):
        send = partial(_send, environment)
        with ThreadPoolExecutor(len(interruptions)) as pool:
            sent = [pool.submit(send, each) for each in interruptions]
            ended = environment.service.wait_for_end(ENDED_WITHIN)
            answers = [each.result() for each in sent]
    killed = number is signal.SIGKILL
    assert ended == (-signal.SIGKILL if killed else 0)
    assert answers == [None if killed else HANDED_OVER] * len(interruptions), answers
    passed = passed_points(trace)
    came = [_as_it_came(each, passed[each.case.task(each.game)]) for each in interruptions]
    return came if killed else [_as_begun(each) for each in came]


def passed_points(trace: Path) -> dict[str, list[str]]:
    """Return the points that each operation has passed, in order."""
    passed: dict[str, list[str]] = defaultdict(list)
    for line in trace.read_text().splitlines():
        operation, _, point = line.partition("\t")
        passed[operation].append(point)
    return passed


def _as_it_came(interruption: Interruption, passed: Sequence[str]) -> Interruption:
    *before, point = passed
    return replace(interruption, point=point, done=_calls(before))


def _as_begun(cancelled: Interruption) -> Interruption:
    """Return it as begun if it was cancelled as it began: then it is finished and handed over."""
    if cancelled.point.endswith(BEGIN):
        return replace(cancelled, done=[*cancelled.done, BEGIN])
    return cancelled


def _calls(points: Sequence[str]) -> list[str]:
    return [each.partition(":")[2] for each in points]


def _send(environment: Environment, interruption: Interruption) -> int | None:
    """Send the request of an interruption; None if it was never answered."""
    try:
        return interruption.case.request(environment, interruption.game).status_code
    except httpx.TransportError:
        return None
