"""Copies of what could not be handled, for people to look at."""

import json
from enum import StrEnum

from rtmanager.adapters.redis.consumer_group import Pairs

LONGEST_TEXT = 2_000
MOST_FIELDS = 64


class DeadOrigin(StrEnum):
    """Whose entry it is: a job of the Lobby, or a message of ours from the outbox."""

    JOB = "job"
    OUTBOX = "outbox"


def dead_letter(
    origin: DeadOrigin, stream: str, entry_id: str, fault: str, pairs: Pairs
) -> dict[str, str]:
    """Return the fields of a dead letter; what is too long or too much is cut."""
    shown = [(_shortened(name), _shortened(value)) for name, value in pairs[:MOST_FIELDS]]
    if len(pairs) > MOST_FIELDS:
        shown.append(("…", f"{len(pairs) - MOST_FIELDS} more fields"))
    return {
        "origin": origin.value,
        "stream": stream,
        "entry_id": entry_id,
        "fault": fault[:LONGEST_TEXT],
        "payload": json.dumps(shown, ensure_ascii=False),
    }


def _shortened(raw: bytes) -> str:
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
