import re
from importlib import resources

import pytest

from rtmanager.console import words
from rtmanager.console.formats import duration, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (864_000, "10 d"),
    ],
)
def test_age_is_in_its_largest_unit(seconds: float, text: str) -> None:
    """One number is read faster than three."""
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0.4, "0 ms"),
        (850, "850 ms"),
        (3_240, "3.2 s"),
        (31_200, "31 s"),
        (125_000, "2 min 5 s"),
        (7_200_000, "2 h"),
    ],
)
def test_duration_has_two_digits_that_matter(milliseconds: float, text: str) -> None:
    """Short ones are exact, long ones are not."""
    assert duration(milliseconds) == text


def test_pages_age_as_the_server_renders_them() -> None:
    """The script has the same units as the server."""
    script = (resources.files("rtmanager.console") / "assets" / "times.js").read_text()
    units = re.findall(r'\[(\d+), (\d+), "(\w+)"\]', script)

    assert [span(int(start)) for start, _, _ in units] == [
        f"{int(start) // int(size)} {unit}" for start, size, unit in units
    ]


def test_value_of_a_newer_service_is_shown_as_it_is() -> None:
    """An unknown kind is still a word."""
    assert words.word("move_engine", words.KINDS) == "move engine"
