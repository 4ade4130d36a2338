import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmanager.domain.game_id import parse_game_id


@pytest.mark.parametrize("text", ["a", "7", "Chess_7.x-1", "a" * 51])
def test_safe_ids_are_taken_as_they_are(text: str) -> None:
    """A valid id can name a container, a DNS label and a directory."""
    assert parse_game_id(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "-a",
        "_a",
        "a" * 52,
        "a/b",
        "a b",
        "a\n",
        "a\x00",
        "ä",
        "\ud800",
        "\u0661",
        "🎲",
    ],
)
def test_unsafe_ids_are_none(text: str) -> None:
    """No game can be started with such an id."""
    assert parse_game_id(text) is None


@given(st.text())
def test_any_text_is_taken_unchanged_or_not_at_all(text: str) -> None:
    """An id is never corrected."""
    assert parse_game_id(text) in {None, text}
