"""Texts for people: nothing in them can act on the terminal, and times are short."""

from datetime import UTC, datetime, timedelta

_LONGEST = 100_000
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def plain(text: str, *, keep_lines: bool = False) -> str:
    """Return the text with everything that is not printable written as in a Python string."""
    if keep_lines:
        return "\n".join(plain(line) for line in text.split("\n"))
    shown = text[:_LONGEST]
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)


def age(at: datetime | None, now: datetime) -> str:
    """Return how long ago a time was, such as `3m`; `-` if there is none."""
    return "-" if at is None else span((now - at) / timedelta(seconds=1))


def span(seconds: float) -> str:
    """Return a duration with its largest unit, such as `90s`, `5m`, `3h` or `12d`."""
    seconds = max(seconds, 0)
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def precise(milliseconds: float | None) -> str:
    """Return a measured duration, such as `12 ms` or `1.8 s`; empty if there is none."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


def clock(at: datetime | None) -> str:
    """Return a time in UTC to the second; `-` if there is none."""
    return "-" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def short(container_id: str | None) -> str:
    """Return the beginning of a container's id, as Docker shows it; `-` if there is none."""
    return container_id[:12] if container_id else "-"
