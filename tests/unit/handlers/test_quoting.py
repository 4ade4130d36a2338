from hypothesis import given
from hypothesis import strategies as st

from rtmanager.handlers.quoting import shown, shown_names


@given(st.text(st.characters()))
def test_quoted_text_is_printable_ascii_and_short(text: str) -> None:
    """Whatever a caller sends can stand in a message and a log line."""
    quoted = shown(text)

    assert quoted.isascii()
    assert quoted.isprintable()
    assert len(quoted) < 1_000


def test_only_a_few_names_are_shown() -> None:
    """Of many names the first three tell enough."""
    assert shown_names(["a", "b", "c", "d"]) == "'a', 'b', 'c', ..."
    assert shown_names(["a"]) == "'a'"
