"""Start and stop jobs from the Game Lobby."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rtmanager.domain.operation import StopReason


class JobKind(StrEnum):
    """What a job asks for; each kind has its own stream."""

    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class StartJob:
    """A valid start job."""

    game_id: str
    image_ref: str


@dataclass(frozen=True, slots=True)
class StopJob:
    """A valid stop job."""

    game_id: str
    reason: StopReason


@dataclass(frozen=True, slots=True)
class MalformedJob:
    """An entry that is not a valid job: the fault, and the game id if it can be read."""

    game_id: str | None
    fault: str


@dataclass(frozen=True, slots=True)
class JobEntry:
    """One stream entry: the stream's kind, the entry id that names the job, and its content."""

    kind: JobKind
    entry_id: str
    job: StartJob | StopJob | MalformedJob


class JobStream(Protocol):
    """Both job streams as one, read as a member of a consumer group.

    Every method raises ServiceUnavailable when the stream store cannot be reached. A missing group
    (the store was flushed or replaced) is created again.
    """

    async def reclaim(self) -> None:
        """Take over every entry that was delivered to any consumer and not acknowledged.

        `read` returns them again in order, before any newer one. Only the leader may call this, and
        never during a `read`: before its first `read`, after one that raised, and when it has
        dropped entries that it read. Entries being handled are returned again too.
        """

    async def read(self, *, count: int, block: float) -> Sequence[JobEntry]:
        """Return at most `count` entries, oldest first over both streams.

        Waits up to `block` seconds for one. What one call returns is older than what a later call
        returns, from either stream. When it raises, entries may have been delivered that only
        `reclaim` brings back. When another consumer got entries (a former leader that has not
        noticed yet), it reclaims and returns none: the next calls return them all.
        """

    async def acknowledge(self, entries: Sequence[JobEntry]) -> None:
        """Remove the entries from the group's pending list; no-op for those that are not there.

        When it raises, some may have been removed.
        """

    async def dead_letter(self, entry: JobEntry, fault: str) -> None:
        """Copy the entry with the fault to the dead-letter stream and acknowledge it.

        Atomic; does nothing if the entry was acknowledged before.
        """

    async def oldest(self) -> Mapping[JobKind, str | None]:
        """Return the id of each stream's oldest entry, None of an empty stream.

        An older entry can never be delivered again.
        """

    async def trim(self) -> int:
        """Drop acknowledged entries from a stream above its limit; return how many.

        The oldest first, and no more than necessary. An unacknowledged entry is never dropped,
        however long the stream is, and does not keep later ones from being dropped.
        """


def entry_order(entry_id: str) -> tuple[int, int]:
    """Return the numbers by which a stream orders its entries; as texts they are not in order."""
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)
