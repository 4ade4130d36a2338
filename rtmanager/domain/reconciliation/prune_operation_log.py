"""Deleting operations that ended long ago from the log."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rtmanager.domain.operation import Fence
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.job_stream import JobStream
from rtmanager.domain.ports.operation_journal import LogRetention, OperationJournal

KEPT_PER_GAME = 50
"""The last operations of a live game stay, however old."""
JOBS_KEPT = timedelta(days=7)
"""A job's row stays at least this long: a Redis restored from a backup delivers its entry again."""
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class PruneOperationLog:
    """Deletes old operations page by page; the row of a job stays while its entry is there.

    That row is why a job that is delivered again is not run again.
    """

    journal: OperationJournal
    jobs: JobStream
    clock: Clock
    keep: timedelta

    async def run(self) -> str:
        """Delete what is no longer needed and return how much; empty when nothing was."""
        retention = await self._retention(self.clock.now())
        pruned, after = 0, Fence(0)
        while True:
            page = await self.journal.prune(retention, after=after, limit=PAGE)
            pruned += page.deleted
            if page.last is None:
                break
            after = page.last
        if not pruned:
            return ""
        return f"{pruned} operations of before {retention.finished_before} removed from the log"

    async def _retention(self, now: datetime) -> LogRetention:
        return LogRetention(
            finished_before=now - self.keep,
            kept_per_game=KEPT_PER_GAME,
            jobs_finished_before=now - max(self.keep, JOBS_KEPT),
            oldest_jobs=await self.jobs.oldest(),
        )
