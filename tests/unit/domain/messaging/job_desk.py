"""The Lobby's streams in the in-memory world, and processes that handle their jobs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.streams import InMemoryStreams
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobEntry, JobKind, MalformedJob, StartJob, StopJob
from tests.unit.domain.world import GAME, IMAGE, Process, World


@dataclass
class JobDesk:
    """Adds jobs and reads their results."""

    world: World = field(default_factory=World)

    @property
    def streams(self) -> InMemoryStreams:
        """The Lobby's streams."""
        return self.world.streams

    def handler(self, process: Process | None = None) -> HandleJob:
        """Return the job handler of a process, by default the world's first."""
        return (process or self.world.manager).cycles.handle_job

    async def start(self, game: str = GAME, image: str = IMAGE) -> JobEntry:
        """Add a start job and deliver it."""
        return await self._delivered(JobKind.START, StartJob(game, image))

    async def stop(self, game: str = GAME) -> JobEntry:
        """Add a stop job and deliver it."""
        return await self._delivered(JobKind.STOP, StopJob(game, StopReason.FINISHED))

    async def malformed(self, game: str | None = GAME) -> JobEntry:
        """Add a start job that lacks a field and deliver it."""
        return await self._delivered(JobKind.START, MalformedJob(game, "image_ref is missing"))

    @property
    def results(self) -> list[dict[str, str]]:
        """Return every result that was ever written, oldest first."""
        outbox = self.world.store.outbox
        return [dict(each.fields) for each in outbox if each.stream is OutboxStream.JOB_RESULTS]

    @property
    def outcomes(self) -> list[tuple[str, str, str]]:
        """Return job id, outcome and error code of every result."""
        return [(each["job_id"], each["outcome"], each["error_code"]) for each in self.results]

    @property
    def pending(self) -> Sequence[JobEntry]:
        """Return the entries that were delivered but not acknowledged."""
        return self.streams.pending

    async def _delivered(self, kind: JobKind, job: StartJob | StopJob | MalformedJob) -> JobEntry:
        added = self.streams.add(kind, job)
        await self.world.manager.jobs.read(count=100, block=0)
        return added
