"""The checker itself: what it accepts, and the violations that it must find."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.linearizability.checker import Violation, check_game, violations
from tests.linearizability.history import Operation, Record, Response, load, save
from tests.linearizability.small_histories import (
    A_STOPPED,
    CONFLICT,
    ILLEGAL,
    LEGAL,
    NEW,
    OLD,
    A,
    Call,
    found_in,
    get,
    history_of,
    restart,
    start,
    stop,
)


@pytest.mark.parametrize("name", LEGAL)
def test_legal_history_is_accepted(name: str) -> None:
    """A history that the contract allows has a linearization."""
    assert found_in(LEGAL[name]) is None


@pytest.mark.parametrize("name", ILLEGAL)
def test_planted_violation_is_found(name: str) -> None:
    """A forbidden history has none; it was legal before the wrong answer."""
    violation = found_in(ILLEGAL[name])

    assert violation is not None
    assert check_game(before(violation)) is None


def before(violation: Violation) -> list[Operation]:
    """Return what had been called and answered just before the wrong answer came."""
    at = violation.operation.returned_at
    return [
        each if each.returned_at < at else replace(each, response=None) for each in violation.prefix
    ]


def test_request_that_was_given_up_may_begin_late() -> None:
    """A live process may begin a request that its client has given up, even after all others."""
    calls = ILLEGAL["lost operation that takes effect after the next one"]

    assert found_in(calls, late=True) is None


def test_violation_is_the_shortest_prefix() -> None:
    """Anything after the first wrong answer is left out; the possible states are reported."""
    calls = [start(0, 1, A), stop(2, 3, A_STOPPED), get(4, 5, A), get(6, 7, A_STOPPED)]
    violation = found_in(calls)

    assert violation is not None
    assert violation.operation.id == 2
    assert [each.id for each in violation.prefix] == [0, 1, 2]
    assert [str(each) for each in violation.states] == [f"stopped {OLD} in aaa"]
    assert f"get -> 200 running {OLD} in aaa" in str(violation)


def test_saved_history_is_checked_alike(tmp_path: Path) -> None:
    """A saved history can be loaded and checked again."""
    history = history_of(ILLEGAL["stale read after a stop"])
    save(history, tmp_path / "history.jsonl")
    again = load(tmp_path / "history.jsonl")

    assert again == history
    assert len(violations(again)) == 1


def test_thousands_of_operations_are_checked() -> None:
    """A long history of overlapping and lost operations takes seconds, not hours."""
    calls = [each for round_ in range(600) for each in _round(round_)]
    history = history_of(calls)
    wrong = get(1e6, 1e6 + 1, A)

    assert len(history) > 5000
    assert check_game(history) is None
    assert check_game(history_of([*calls, wrong])) is not None


def _round(number: int) -> list[Call]:
    """Return a start, reads during a lost restart, and a stop that follows a lost stop."""
    at = 20.0 * number
    first, second = f"a{number}", f"b{number}"
    runs, goes_on = (Response(200, Record("running", OLD, each)) for each in (first, second))
    ended = Response(200, Record("stopped", OLD, second))
    return [
        start(at, at + 6, runs),
        start(at + 1, at + 7, CONFLICT, NEW),
        start(at + 1, at + 7, runs),
        restart(at + 8, at + 9, None),
        get(at + 8, at + 10, runs),
        get(at + 8, at + 12, goes_on),
        get(at + 9, at + 13, goes_on),
        stop(at + 14, at + 16, None),
        stop(at + 14, at + 18, ended),
        get(at + 15, at + 18.5, ended),
    ]
