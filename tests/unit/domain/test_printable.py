import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmanager.domain.errors import ImagePullFailed, StartConfigInvalid
from rtmanager.domain.printable import printable
from rtmanager.domain.texts import MAX_TEXT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no such host", "no such host"),
        ("größer als 1 µs, 游戏", "größer als 1 µs, 游戏"),
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
def test_long_text_is_cut(unit: str) -> None:
    """Escapes count too."""
    shown = printable(unit * 10 * MAX_TEXT)

    assert len(shown) == MAX_TEXT
    assert shown.endswith("…")


def test_message_and_detail_of_an_error_are_printable_and_cut() -> None:
    """Both may quote what someone else has sent."""
    error = ImagePullFailed("\x1b" * MAX_TEXT, detail="\n" * MAX_TEXT)

    for text in (error.message, error.detail):
        assert text is not None
        assert text.isprintable()
        assert len(text) == MAX_TEXT


def test_extended_error_keeps_its_detail() -> None:
    """What is said to one caller takes nothing from the log."""
    assert StartConfigInvalid("no", detail="secret").extended("wait").detail == "secret"
