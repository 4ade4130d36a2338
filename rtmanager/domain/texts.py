"""Texts from outside: how long one may be where it is stored or sent.

Callers, registries, engines and the Lobby write them. The values that contain one (requests,
errors, causes, steps, health events) cut it when they are made, so that no writer has to.
"""

from collections.abc import Mapping, Sequence

MAX_TEXT = 2_000
"""Maximum length of a text from outside, as in spec/runtime-streams-asyncapi.yaml."""


def sendable(text: str) -> str:
    """Return the text as allowed in a stream: valid UTF-8 of bounded length, without NUL.

    No store on the way has anything left to escape, so it stays within the bound.
    """
    # Cut first: escaping only makes a text longer, and this one may be very long.
    plain = text[: MAX_TEXT + 1].encode("utf-8", "backslashreplace").decode()
    plain = plain.replace("\0", "\\x00")
    return plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"


def sendable_or_none(text: str | None) -> str | None:
    """Return the text as allowed in a stream, if there is one."""
    return None if text is None else sendable(text)


def sendable_texts(texts: Sequence[str]) -> tuple[str, ...]:
    """Return each text as allowed in a stream."""
    return tuple(map(sendable, texts))


def sendable_details(details: Mapping[str, object]) -> dict[str, object]:
    """Return the details with each text as allowed in a stream."""
    return {
        key: sendable(value) if isinstance(value, str) else value for key, value in details.items()
    }
