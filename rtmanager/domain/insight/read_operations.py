"""Reading the operation log: a page of it, or one operation, also while it runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.errors import NotFound
from rtmanager.domain.insight.operation_ends import MAX_WAITING, Gone, OperationEnds
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.ports.operation_history import OperationFilter, OperationHistory


@dataclass(frozen=True, slots=True)
class Page:
    """Operations, newest first; the next page has those before `next_before`, if there is one."""

    operations: Sequence[Operation]
    next_before: Fence | None


@dataclass(frozen=True, slots=True)
class ReadOperations:
    """Reads the operation log."""

    history: OperationHistory
    ends: OperationEnds

    def release(self) -> None:
        """Answer those that wait, because the service is about to stop."""
        self.ends.release()

    async def page(
        self, wanted: OperationFilter, *, limit: int, before: Fence | None = None
    ) -> Page:
        """Return the newest operations that match, with an id below `before`."""
        found = await self.history.find(wanted, limit=limit + 1, before=before)
        shown = found[:limit]
        return Page(shown, shown[-1].id if len(found) > limit else None)

    async def get(self, operation_id: Fence) -> Operation:
        """Return the operation as it is now; raise NotFound if the log does not have it."""
        operation = await self.history.get(operation_id)
        if operation is None:
            raise NotFound(f"the operation log has no operation {operation_id}")
        return operation

    async def get_finished(
        self, operation_id: Fence, *, within: float, unless: Gone, most: int = MAX_WAITING
    ) -> Operation:
        """Return the operation once it has finished, or what it is then.

        Waits at most `within` seconds, not after `unless` has returned, and not while the service
        stops. Raises NotFound, and ServiceUnavailable when `most` others wait.
        """
        operation = await self.get(operation_id)
        if operation.outcome is not None:
            return operation
        ended = await self.ends.of(operation_id, within=within, unless=unless, most=most)
        return ended or await self.get(operation_id)
