from datetime import UTC, datetime
from enum import StrEnum

import pytest
from starlette.datastructures import QueryParams

from rtmanager.domain.errors import InvalidRequest
from rtmanager.handlers.query import (
    choice_of,
    duration_of,
    integer_of,
    parse_duration,
    parse_time,
    switch_of,
    text_of,
    time_of,
)


class Colour(StrEnum):
    """Two values."""

    RED = "red"
    BLUE = "blue"


def test_what_is_not_given_has_its_default() -> None:
    """Without a parameter there is no text, choice, duration or time, and numbers have defaults."""
    query = QueryParams("other=1")

    assert text_of(query, "a") is None
    assert choice_of(query, "a", Colour) is None
    assert duration_of(query, "a", most=60) is None
    assert time_of(query, "a") is None
    assert integer_of(query, "a", default=7, least=0, most=9) == 7
    assert switch_of(query, "a", default=True) is True


def test_what_is_given_is_read() -> None:
    """Each kind of parameter is read from its text."""
    query = QueryParams(b"t=a%20b&c=blue&d=1500ms&i=9&s=false&at=2026-04-28T20:39:18Z")

    assert text_of(query, "t") == "a b"
    assert choice_of(query, "c", Colour) is Colour.BLUE
    assert duration_of(query, "d", most=60) == 1.5
    assert integer_of(query, "i", default=7, least=0, most=9) == 9
    assert switch_of(query, "s", default=True) is False
    assert time_of(query, "at") == datetime(2026, 4, 28, 20, 39, 18, tzinfo=UTC)


@pytest.mark.parametrize(("query", "words"), [("a=1&a=2", "a 2 times"), ("a=", "a is empty")])
def test_a_parameter_has_one_value(query: str, words: str) -> None:
    """A repeated or empty parameter is refused by its name."""
    with pytest.raises(InvalidRequest, match=words):
        text_of(QueryParams(query), "a")


def test_a_choice_lists_what_is_possible() -> None:
    """The values are in the refusal."""
    with pytest.raises(InvalidRequest, match=r"a is 'green', expected one of red, blue"):
        choice_of(QueryParams("a=green"), "a", Colour)


@pytest.mark.parametrize("text", ["0", "10", "-1", "1.5", "five", "٣", "1" * 5_000, "%ED%A0%80"])
def test_a_number_has_bounds(text: str) -> None:
    """What is no whole number between them is refused with them."""
    with pytest.raises(InvalidRequest, match="expected a number from 1 to 9"):
        integer_of(QueryParams(f"a={text}"), "a", default=7, least=1, most=9)


@pytest.mark.parametrize("text", ["True", "1", "yes"])
def test_a_switch_is_true_or_false(text: str) -> None:
    """Nothing else is taken for either."""
    with pytest.raises(InvalidRequest, match="expected true or false"):
        switch_of(QueryParams(f"a={text}"), "a", default=True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("30s", 30), ("5m", 300), ("2h", 7200), ("0s", 0)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    """A whole number with one of four units."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "s", "1.5s", "-1s", "1 s", "1S", "1d", "٣s", "1s\n"])
def test_what_is_no_duration_is_none(text: str) -> None:
    """Anything else is no duration."""
    assert parse_duration(text) is None


def test_a_duration_has_an_end() -> None:
    """A longer one is refused with the longest."""
    with pytest.raises(InvalidRequest, match=r"a is '2m', expected a duration .* at most 60s"):
        duration_of(QueryParams("a=2m"), "a", most=60)


@pytest.mark.parametrize(
    "text",
    [
        "2026-04-28T20:39:18Z",
        "2026-04-28t20:39:18z",
        "2026-04-28T20:39:18.000Z",
        "2026-04-28T22:39:18+02:00",
        "2026-04-28T20:39:18-00:00",
        "2026-04-28T20:39:18.000000999Z",
    ],
)
def test_a_time_is_read_in_utc(text: str) -> None:
    """RFC 3339 with any offset; what is below a microsecond is cut off."""
    at = parse_time(text)

    assert at == datetime(2026, 4, 28, 20, 39, 18, tzinfo=UTC)
    assert at is not None
    assert at.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-04-28",
        "20260428T203918Z",
        "2026-W18-2T20:39:18Z",
        "2026-04-28 20:39:18Z",
        "2026-04-28T20:39Z",
        "2026-04-28T20:39:18",
        "2026-04-28T20:39:18+0200",
        "2026-04-28T20:39:18+02",
        "2026-04-28T20:39:18,5Z",
        "2026-02-30T20:39:18Z",
        "2026-04-28T24:00:01Z",
        "2026-04-28T20:39:18+24:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "٢026-04-28T20:39:18Z",
        "2026-04-28T20:39:18Z\n",
    ],
)
def test_what_is_no_time_in_rfc_3339_is_none(text: str) -> None:
    """Also ISO 8601 in its other forms, and times before the year 1 or after 9999 in UTC."""
    assert parse_time(text) is None


def test_a_plus_that_became_a_blank_is_explained() -> None:
    """A query means a blank by +; the refusal says how to write the offset."""
    with pytest.raises(InvalidRequest, match=r"write %2B$"):
        time_of(QueryParams(b"since=2026-04-28T22:39:18+02:00"), "since")
