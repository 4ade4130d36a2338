"""Texts from outside, made safe to store, to send and to print."""

from rtmanager.domain.texts import MAX_TEXT


def printable(text: str) -> str:
    """Return the text on one line, with control characters escaped, of bounded length.

    Doing so twice changes nothing.
    """
    plain = "".join(map(_printable, text[: MAX_TEXT + 1]))
    return plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def quoted(text: str, limit: int = 80) -> str:
    """Quote text from outside for a message: shortened and printable, in ASCII."""
    start = ascii(text[:limit])
    return f"{start}…" if len(text) > limit else start
