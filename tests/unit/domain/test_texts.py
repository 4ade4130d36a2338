"""A text from outside is made printable once, where the value that contains it is made."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmanager.domain.errors import (
    ErrorCode,
    ImagePullFailed,
    RuntimeManagerError,
    StartConfigInvalid,
)
from rtmanager.domain.operation import Cause, OpSource, Origin
from rtmanager.domain.texts import MAX_QUOTE, MAX_TEXT, printable, quoted
from tests.builders import make_event, make_request, make_step

LONG = "\x1b" + "x" * 60_000
CUT = "\\x1b" + "x" * (MAX_TEXT - 5) + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("no such host", "no such host"),
        ("größer als 1 µs, 游戏", "größer als 1 µs, 游戏"),
        ("é" * MAX_TEXT, "é" * MAX_TEXT),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b[2J\x00\x9b", "\\x1b[2J\\x00\\x9b"),
        ("\u202eabc\ud800", "\\u202eabc\\ud800"),
    ],
)
def test_control_characters_are_escaped_and_letters_are_not(text: str, shown: str) -> None:
    """Line breaks, terminal escapes, text direction and lone surrogates are made visible."""
    assert printable(text) == shown


@given(st.text())
def test_printing_twice_changes_nothing(text: str) -> None:
    """A text passes through several errors on its way."""
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize("unit", ["x", "\x1b", "\U0010ffff"])
@pytest.mark.parametrize("limit", [1, 7, MAX_TEXT])
def test_long_text_is_cut(unit: str, limit: int) -> None:
    """Escapes count too."""
    shown = printable(unit * 10 * MAX_TEXT, limit)

    assert len(shown) == limit
    assert shown.endswith("…")


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
        ImagePullFailed("no", detail=LONG).detail,
    ],
)
def test_every_value_makes_its_text_printable(made: Any) -> None:
    """Requests, causes, steps, health events and errors are stored, sent and logged."""
    assert made == CUT


def test_extended_error_stays_within_the_limit() -> None:
    """A sentence that is added to a long message does not make it longer."""
    assert len(RuntimeManagerError(LONG).extended("try again").message) == MAX_TEXT


def test_extended_error_keeps_its_detail() -> None:
    """What is said to one caller takes nothing from the log."""
    assert StartConfigInvalid("no", detail="secret").extended("wait").detail == "secret"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "''"),
        ("a'b\\", r"'a\x27b\'"),
        ("' or \"", r"""'\x27 or "'"""),
        ("é\n\ud800", r"'\xe9\n\ud800'"),
        ("x" * MAX_QUOTE, f"'{'x' * MAX_QUOTE}'"),
        ("x" * (MAX_QUOTE + 1), f"'{'x' * MAX_QUOTE}'..."),
    ],
)
def test_quoted_text_is_told_from_ours(text: str, shown: str) -> None:
    """It ends at the next quotation mark, and what was left out is not inside the quotes."""
    assert quoted(text) == shown


@given(st.text(st.characters(), max_size=MAX_QUOTE // len(r"\U0010ffff")))
def test_printable_text_is_quoted_like_the_original(text: str) -> None:
    """A request's image is made printable first: its escapes are shown as they are."""
    assert quoted(printable(text)) == quoted(text)


@given(st.text(st.characters()))
def test_quoted_text_is_printable_ascii_and_short(text: str) -> None:
    """Anything a caller sends can be quoted in a message and a log line."""
    result = quoted(text)

    assert result.isascii()
    assert result.isprintable()
    assert result.count("'") == 2
    assert len(result) < 1_000
