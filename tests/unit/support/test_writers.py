"""Two writers of one state are found by the times at which they wrote."""

from pathlib import Path

import pytest

from tests.support.writers import FILE, Writer, two_at_once, writers


def test_writers_that_follow_each_other_are_no_two(tmp_path: Path) -> None:
    """An engine that begins after the last line of the one before it is its successor."""
    (tmp_path / FILE).write_text("b 3.0\na 1.0\na 2.5\nb 4.0\nc 5")

    assert writers(tmp_path) == [Writer("a", 1.0, 2.5), Writer("b", 3.0, 4.0)]
    assert two_at_once(tmp_path) == []


@pytest.mark.parametrize("begin", ["1.5", "2.5"])
def test_writers_at_the_same_time_are_two(tmp_path: Path, begin: str) -> None:
    """An engine that begins before the last line of another has written beside it."""
    (tmp_path / FILE).write_text(f"a 1.0\nb {begin}\na 2.5\nb 4.0\n")

    assert two_at_once(tmp_path) == [(Writer("a", 1.0, 2.5), Writer("b", float(begin), 4.0))]


def test_a_state_without_lines_has_no_writer(tmp_path: Path) -> None:
    """A game whose engine has never written is not an error."""
    assert writers(tmp_path) == []
