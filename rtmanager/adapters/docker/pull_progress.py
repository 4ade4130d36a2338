"""A pull's message stream: its errors, and a short line about it now and then."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rtmanager.domain.ports.container_host import ImagePullFailed

_DONE = {"Pull complete", "Already exists"}
_SECONDS_BETWEEN_LINES = 1.0


def follow(
    messages: Iterable[Mapping[str, Any]], reference: str, say: Callable[[str], None]
) -> None:
    """Read the stream to its end and tell of its progress, a line per second at most.

    Raises ImagePullFailed for any error in it, which Docker sends with a status of 200, and when it
    ends without the closing word: then it was cut, and an older image may still carry the tag.
    """
    layers: dict[str, str] = {}
    is_complete = False
    last_line, last_time = "", float("-inf")
    for message in messages:
        _raise_error(message)
        _note(message, layers)
        is_complete = is_complete or str(message.get("status", "")).startswith("Status: ")
        line = _line(reference, layers)
        if line != last_line and time.monotonic() - last_time >= _SECONDS_BETWEEN_LINES:
            last_line, last_time = line, time.monotonic()
            say(line)
    if not is_complete:
        raise ImagePullFailed("the engine ended the pull without saying how it went")


def _raise_error(message: Mapping[str, Any]) -> None:
    detail = message.get("errorDetail") or {}
    words = message.get("error") or detail.get("message") or detail
    if words:
        raise ImagePullFailed(str(words))


def _note(message: Mapping[str, Any], layers: dict[str, str]) -> None:
    layer, status = message.get("id"), str(message.get("status", ""))
    if layer and not status.startswith("Pulling from"):
        layers[str(layer)] = status


def _line(reference: str, layers: Mapping[str, str]) -> str:
    done = sum(status in _DONE for status in layers.values())
    return f"pulling {reference}: {done} of {len(layers)} layers"
