"""Reading query parameters; every refusal is an InvalidRequest that names the parameter."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from starlette.datastructures import QueryParams

from rtmanager.domain.errors import InvalidRequest
from rtmanager.domain.texts import quoted

E = TypeVar("E", bound=StrEnum)

_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h)", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def text_of(query: QueryParams, name: str) -> str | None:
    """Return a parameter's value, None without it; raise if it is empty or there twice."""
    values = query.getlist(name)
    if len(values) > 1:
        raise InvalidRequest(f"the query has {name} {len(values)} times, expected once")
    if values == [""]:
        raise InvalidRequest(f"{name} is empty; give it a value or leave it out")
    return values[0] if values else None


def choice_of(query: QueryParams, name: str, choices: type[E]) -> E | None:
    """Return a parameter that is one of the values."""
    text = text_of(query, name)
    if text is None:
        return None
    try:
        return choices(text)
    except ValueError:
        known = ", ".join(choices)
        raise InvalidRequest(f"{name} is {quoted(text)}, expected one of {known}") from None


def integer_of(query: QueryParams, name: str, *, default: int, least: int, most: int) -> int:
    """Return a parameter that is a whole number between the bounds."""
    text = text_of(query, name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
        raise InvalidRequest(f"{name} is {quoted(text)}, expected a number from {least} to {most}")
    return int(text)


def switch_of(query: QueryParams, name: str, *, default: bool) -> bool:
    """Return a parameter that is `true` or `false`."""
    text = text_of(query, name)
    if text is None:
        return default
    if text not in {"true", "false"}:
        raise InvalidRequest(f"{name} is {quoted(text)}, expected true or false")
    return text == "true"


def duration_of(query: QueryParams, name: str, *, most: float) -> float | None:
    """Return a parameter that is a duration, in seconds, at most `most`."""
    text = text_of(query, name)
    if text is None:
        return None
    seconds = parse_duration(text)
    if seconds is None or seconds > most:
        raise InvalidRequest(
            f"{name} is {quoted(text)}, expected a duration such as 30s, at most {most:g}s"
        )
    return seconds


def time_of(query: QueryParams, name: str) -> datetime | None:
    """Return a parameter that is a time with its offset."""
    text = text_of(query, name)
    if text is None:
        return None
    at = parse_time(text)
    if at is None:
        hint = "; in a query + is a blank, write %2B" if " " in text else ""
        raise InvalidRequest(
            f"{name} is {quoted(text)}, expected a time such as 2026-04-28T20:39:18Z{hint}"
        )
    return at


def parse_duration(text: str) -> float | None:
    """Return the seconds of a duration such as `30s`; None if it is none."""
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _SECONDS[match[2]] if match else None


def parse_time(text: str) -> datetime | None:
    """Return a time in RFC 3339, in UTC; None if it is none, or not of the years 1 to 9999."""
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
