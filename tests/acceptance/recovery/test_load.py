"""The check of the callers' answers against the log finds each kind of contradiction."""

import pytest

from tests.acceptance.recovery.load import Answer, wrong_answers
from tests.support.environment import Row

GAME = "g1"


def _row(outcome: str, request_id: str = "asked") -> Row:
    return {"game_id": GAME, "source_ref": request_id, "outcome": outcome}


SUCCESS, FAILURE = _row("success"), _row("failure")


@pytest.mark.parametrize(
    ("status", "rows"),
    [
        (200, [SUCCESS]),
        (404, [FAILURE]),
        (409, [FAILURE]),
        (500, [FAILURE]),
        (503, [SUCCESS]),
        (503, [FAILURE]),
        (None, []),
        (None, [SUCCESS]),
    ],
)
def test_answer_that_the_log_confirms_is_right(status: int | None, rows: list[Row]) -> None:
    """An answer needs one row that says the same, or any row if it leaves the outcome open."""
    assert wrong_answers([Answer(GAME, "asked", status)], rows, without_log=False) == []


def test_refusal_without_postgres_needs_no_row() -> None:
    """A refusal while Postgres is away could not be logged; any other refusal is."""
    refused = [Answer(GAME, "asked", 503)]

    assert wrong_answers(refused, [], without_log=True) == []
    assert len(wrong_answers(refused, [], without_log=False)) == 1
    assert len(wrong_answers([Answer(GAME, "asked", 409)], [], without_log=True)) == 1


@pytest.mark.parametrize(
    ("status", "rows"),
    [
        (200, []),
        (200, [FAILURE]),
        (200, [SUCCESS, SUCCESS]),
        (409, []),
        (409, [SUCCESS]),
        (500, [FAILURE, FAILURE]),
        (503, [SUCCESS, SUCCESS]),
        (None, [FAILURE, SUCCESS]),
        (200, [SUCCESS, _row("success", "unknown")]),
        (None, [{**SUCCESS, "game_id": "other"}]),
    ],
)
def test_answer_that_the_log_contradicts_is_wrong(status: int | None, rows: list[Row]) -> None:
    """A missing or extra row, one with another outcome, or one that nobody requested is found."""
    assert len(wrong_answers([Answer(GAME, "asked", status)], rows, without_log=False)) == 1
