"""Stream entries, read as jobs and copied as dead letters."""

import json
from collections import Counter
from enum import StrEnum

from rtmanager.adapters.redis.entry_scripts import MAX_FIELDS, Pairs, RawEntry
from rtmanager.adapters.redis.streams import Channel, StreamSchemas
from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, MalformedJob, StartJob, StopJob
from rtmanager.domain.texts import MAX_TEXT, printable, quoted

MAX_GAME_ID = 255

_CHANNELS = {JobKind.START: Channel.START_JOBS, JobKind.STOP: Channel.STOP_JOBS}


class DeadOrigin(StrEnum):
    """Where a dead letter comes from: a job of the Lobby, or our outbox."""

    JOB = "job"
    OUTBOX = "outbox"


def job_entry(kind: JobKind, entry: RawEntry, schemas: StreamSchemas) -> JobEntry:
    """Read the entry as a job, or as a malformed one with its fault if it violates the schema."""
    fields = {_text(name): _text(value) for name, value in entry.pairs}
    fault = _encoding_fault(entry.pairs) or schemas.fault(_CHANNELS[kind], fields)
    if fault is None and entry.left_out:
        fault = f"{len(entry.pairs) + entry.left_out} fields are too many"
    if fault is not None:
        return JobEntry(kind, entry.id, MalformedJob(_readable_game_id(entry.pairs), fault))
    if kind is JobKind.START:
        return JobEntry(kind, entry.id, StartJob(fields["game_id"], fields["image_ref"]))
    return JobEntry(kind, entry.id, StopJob(fields["game_id"], StopReason(fields["reason"])))


def dead_letter(  # noqa: PLR0913 - one for each of its fields
    origin: DeadOrigin,
    stream: str,
    entry_id: str,
    fault: str,
    pairs: Pairs,
    *,
    left_out: int = 0,
) -> dict[str, str]:
    """Return the fields of a dead letter; long values and long lists of fields are cut."""
    shown = [(_shortened(name), _shortened(value)) for name, value in pairs[:MAX_FIELDS]]
    left_out += len(pairs) - len(shown)
    if left_out:
        shown.append(("…", f"{left_out} more fields"))
    return {
        "origin": origin.value,
        "stream": stream,
        "entry_id": entry_id,
        "fault": printable(fault),
        "payload": json.dumps(shown, ensure_ascii=False),
    }


def _encoding_fault(pairs: Pairs) -> str | None:
    for name, value in pairs:
        if not (_is_utf8(name) and _is_utf8(value)):
            return f"{quoted(_text(name))} is not UTF-8"
    name, times = Counter(name for name, _ in pairs).most_common(1)[0]
    return f"{quoted(_text(name))} occurs {times} times" if times > 1 else None


def _readable_game_id(pairs: Pairs) -> str | None:
    """Return the game id if it is present and printable: the job's result repeats it."""
    given = [value for name, value in pairs if name == b"game_id"]
    if len(given) != 1 or not _is_utf8(given[0]):
        return None
    game_id = given[0].decode()
    readable = game_id.isprintable() and 0 < len(game_id) <= MAX_GAME_ID
    return game_id if readable else None


def _shortened(raw: bytes) -> str:
    text = _text(raw)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
