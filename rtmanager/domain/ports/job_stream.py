"""Start and stop jobs from the Game Lobby."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rtmanager.domain.operation import StopReason


class JobKind(StrEnum):
    """What a job asks for; each kind has a stream of its own."""

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
    """An entry that is no valid job: why, and its game id if that at least can be read."""

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

    Every method raises ServiceUnavailable when the stream store cannot be reached. A group that is
    missing (a store that was flushed or replaced) is made again.
    """

    async def reclaim(self) -> None:
        """Take over every entry that was delivered to anyone and not acknowledged.

        `read` gives them again, each in its place in the order, before any newer one. Only for the
        one replica that leads, and never while it reads: before its first `read`, after one that
        raised, and when it has let go of entries that it read. Entries that it already works on
        come again too.
        """

    async def read(self, *, count: int, block: float) -> Sequence[JobEntry]:
        """Return at most `count` entries, oldest first over both streams.

        Waits up to `block` seconds for one. What one call returns is older than what a later call
        returns, whichever stream it comes from. When it raises, entries may have been delivered
        that only `reclaim` brings back. When another got entries meanwhile (a replica that led
        before and has not noticed yet), it reclaims and returns none: the next calls have them all.
        """

    async def acknowledge(self, entry: JobEntry) -> None:
        """Take the entry off the group's pending list; no-op when it is not on it."""

    async def dead_letter(self, entry: JobEntry, fault: str) -> None:
        """Copy the entry with the fault to the dead-letter stream and acknowledge it.

        Both in one atomic step, and only if it was not acknowledged before.
        """

    async def trim(self) -> int:
        """Drop acknowledged entries of a stream that is longer than its limit; return how many.

        The oldest first, and no more than is needed. An entry that is not acknowledged is never
        dropped, however long the stream is, and holds up no other.
        """
