import pytest

from bench.page import BEGIN, END, PAGE, with_result


def test_only_what_is_between_the_markers_is_replaced() -> None:
    """What was written by hand stays, however often a result is written."""
    once = with_result(f"method\n{BEGIN}\nold\n{END}\nmore\n", "new")

    assert once == f"method\n{BEGIN}\n\nnew\n\n{END}\nmore\n"
    assert with_result(once, "new") == once


def test_a_page_without_markers_is_not_written() -> None:
    """Rather no result than a page that has lost its text."""
    with pytest.raises(ValueError, match="marker"):
        with_result("method\n", "new")


def test_the_page_has_its_markers() -> None:
    """`make bench` can write its result."""
    assert "new" in with_result(PAGE.read_text(), "new")
