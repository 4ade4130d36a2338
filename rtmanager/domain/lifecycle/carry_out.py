"""Effect and outcome of an operation that was let through."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rtmanager.domain.errors import DockerUnavailable, InternalError, RuntimeManagerError
from rtmanager.domain.lifecycle.leftovers import remove_leftovers
from rtmanager.domain.lifecycle.operation_line import facts
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.lifecycle.outcome import failure, success
from rtmanager.domain.lifecycle.recovery import Recovery
from rtmanager.domain.ports.container_engine import ContainerEngine, EngineRefused
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import OperationJournal, OperationResult
from rtmanager.domain.runtime import RuntimeRecord

logger = logging.getLogger(__name__)

Effect = Callable[[OperationRun], Awaitable[RuntimeRecord | None]]
"""Does the work in Docker and returns the record that is true then, None when there is none."""


@dataclass(frozen=True, slots=True)
class CarryOut:
    """Does an operation's work and writes its outcome, or undoes what it cannot finish."""

    journal: OperationJournal
    engine: ContainerEngine
    recovery: Recovery

    async def run(self, run: OperationRun, effect: Effect) -> RuntimeRecord | None:
        """Carry `effect` out, commit the outcome and return the record; raise what went wrong.

        When even the undo fails, or the lease is lost, the operation stays open: whoever comes
        next settles it from what Docker shows.
        """
        result, error = await self._outcome(run, effect)
        await self.journal.finish(result)
        await remove_leftovers(self.engine, run)
        if error is not None:
            raise error
        return result.record or run.record

    async def _outcome(
        self, run: OperationRun, effect: Effect
    ) -> tuple[OperationResult, RuntimeManagerError | None]:
        try:
            return success(run, await effect(run)), None
        except LeaseLost:
            raise
        except RuntimeManagerError as error:
            return await self._undone(run, error), error
        except Exception as fault:
            logger.exception("operation failed unexpectedly", extra=facts(run.operation.request))
            bug = InternalError()
            bug.__cause__ = fault
            return await self._undone(run, bug), bug

    async def _undone(self, run: OperationRun, error: RuntimeManagerError) -> OperationResult:
        """Put the game back and return the failure."""
        if not run.touched:
            return failure(run, error, run.record)
        try:
            aftermath = await self.recovery.undo(run)
        except (DockerUnavailable, EngineRefused, LeaseLost) as trouble:
            trouble.extend(f"operation {run.fence} stays open and will be settled")
            raise trouble from error
        error.extend(aftermath.sentence)
        return failure(run, error, aftermath.record)
