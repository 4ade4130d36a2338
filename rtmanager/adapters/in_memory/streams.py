"""What the stream store holds, in memory."""

from dataclasses import dataclass, field

from rtmanager.domain.outbox import OutboxMessage
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, MalformedJob, StartJob, StopJob


@dataclass(frozen=True, slots=True)
class MemoryDeadJob:
    """A copy of an entry that was dead-lettered."""

    entry: JobEntry
    fault: str


@dataclass(kw_only=True)
class InMemoryStreams:
    """Jobs, dead letters and published messages, open to inspection.

    All processes of one simulation share it. `unread` and `pending` are the consumer group's view,
    oldest first, and `owners` to whom the pending ones were delivered last; a group that is not
    there is made again by whoever reads.
    """

    jobs: list[JobEntry] = field(default_factory=list)
    unread: list[JobEntry] = field(default_factory=list)
    pending: list[JobEntry] = field(default_factory=list)
    owners: dict[JobEntry, object] = field(default_factory=dict)
    dead: list[MemoryDeadJob] = field(default_factory=list)
    published: list[OutboxMessage] = field(default_factory=list)
    markers: set[str] = field(default_factory=set)
    fence: int = 0
    _added: int = field(default=0, init=False)

    def add(self, kind: JobKind, job: StartJob | StopJob | MalformedJob) -> JobEntry:
        """Add a job as the Lobby does; return its entry."""
        self._added += 1
        entry = JobEntry(kind, f"{self._added}-0", job)
        self.jobs.append(entry)
        self.unread.append(entry)
        return entry

    def flush(self) -> None:
        """Forget everything, as a store that was flushed or replaced; ids go on growing."""
        for content in (self.jobs, self.unread, self.pending, self.dead, self.published):
            content.clear()
        self.markers.clear()
        self.fence = 0

    def lose_group(self) -> None:
        """Forget what was delivered and acknowledged; the entries stay."""
        self.unread[:] = self.jobs
        self.pending.clear()
