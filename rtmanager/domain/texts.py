"""Texts from outside: of bounded length, and safe to store, to send and to print.

Callers, registries, engines and the Lobby write them. The values that contain one (requests,
errors, causes, steps, health events) escape and cut it when they are made: no writer has to.
"""

from collections.abc import Mapping, Sequence

MAX_TEXT = 2_000
"""Maximum length of a text from outside, as in spec/runtime-streams-asyncapi.yaml."""
MAX_QUOTE = 80


def printable(text: str, limit: int = MAX_TEXT) -> str:
    """Return the text on one line, of bounded length, with all that is not printable escaped.

    Doing so twice changes nothing, and no store on the way has anything left to escape.
    """
    if len(text) <= limit and text.isprintable():
        return text  # nearly every text, many of them for each page of the operation log
    # Cut first: escaping only makes a text longer, and this one may be very long.
    plain = "".join(map(_printable, text[: limit + 1]))
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def printable_or_none(text: str | None) -> str | None:
    """Return the text made printable, if there is one."""
    return None if text is None else printable(text)


def printable_texts(texts: Sequence[str]) -> tuple[str, ...]:
    """Return each text made printable."""
    return tuple(map(printable, texts))


def printable_details(details: Mapping[str, object]) -> dict[str, object]:
    """Return the details with each text made printable."""
    return {
        key: printable(value) if isinstance(value, str) else value for key, value in details.items()
    }


def quoted(text: str) -> str:
    """Quote a text in ASCII and shortened, so that it is not read as part of our message.

    Its end is the next quotation mark. Of a text that is printable the escapes are not escaped.
    """
    shown = "".join(map(_quotable, text[:MAX_QUOTE]))
    return f"'{shown}'" + ("..." if len(text) > MAX_QUOTE else "")


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _quotable(character: str) -> str:
    if character == "'":
        return "\\x27"
    return _printable(character) if character.isascii() else ascii(character)[1:-1]
