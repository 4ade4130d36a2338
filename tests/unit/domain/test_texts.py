"""A text from outside is cut once, where the value that contains it is made."""

from typing import Any

import pytest

from rtmanager.domain.errors import ErrorCode, RuntimeManagerError
from rtmanager.domain.operation import Cause, OpSource, Origin
from rtmanager.domain.texts import MAX_TEXT, sendable
from tests.builders import make_event, make_request, make_step

LONG = "x" * 60_000
CUT = "x" * (MAX_TEXT - 1) + "…"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("x" * MAX_TEXT, "x" * MAX_TEXT),
        ("x" * (MAX_TEXT + 1), CUT),
        (LONG, CUT),
        ("\0", "\\x00"),
        ("\ud83d", "\\ud83d"),
        ("é" * MAX_TEXT, "é" * MAX_TEXT),
    ],
)
def test_text_is_cut_and_readable(text: str, expected: str) -> None:
    """What is within the limit stays as it is."""
    assert sendable(text) == expected


def test_escaping_never_exceeds_the_limit() -> None:
    """A text that grows when it is escaped is cut afterwards."""
    assert len(sendable("\0" * MAX_TEXT)) == MAX_TEXT


@pytest.mark.parametrize(
    "made",
    [
        make_request(image_ref=LONG).image_ref,
        Origin(OpSource.GM_REST, LONG).source_ref,
        Cause(code=ErrorCode.INTERNAL_ERROR, message=LONG).message,
        *Cause(code=ErrorCode.INTERNAL_ERROR, message="", log_tail=(LONG,)).log_tail,
        make_step(error=LONG).error,
        make_step(note=LONG).note,
        make_event(details={"error": LONG}).details["error"],
        RuntimeManagerError(LONG).message,
    ],
)
def test_no_value_contains_a_longer_text(made: Any) -> None:
    """Requests, causes, steps, health events and errors are stored, sent and logged."""
    assert made == CUT


def test_extended_error_stays_within_the_limit() -> None:
    """A sentence that is added to a long message does not make it longer."""
    assert len(RuntimeManagerError(LONG).extended("try again").message) == MAX_TEXT
