"""OperationHistory in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.ports.operation_history import OperationFilter


@dataclass(frozen=True)
class InMemoryOperationHistory:
    """Reads the store's operations."""

    store: InMemoryStore

    async def get(self, operation_id: Fence) -> Operation | None:
        """Return the operation."""
        return self.store.operations.get(operation_id)

    async def find(
        self, wanted: OperationFilter, *, limit: int, before: Fence | None = None
    ) -> Sequence[Operation]:
        """Return the newest operations that match."""
        newest_first = sorted(self.store.operations.values(), key=lambda each: -each.id)
        matching = (
            each
            for each in newest_first
            if (before is None or each.id < before) and _matches(each, wanted)
        )
        return list(islice(matching, limit))

    async def finished(self, ids: Collection[Fence]) -> Sequence[Operation]:
        """Return those of these operations that have finished."""
        known = [self.store.operations[each] for each in ids if each in self.store.operations]
        return [each for each in known if each.outcome is not None]

    async def latest(self) -> Mapping[GameId, Operation]:
        """Return the latest operation of every game with a record."""
        by_id = sorted(self.store.operations.values(), key=lambda each: each.id)
        latest = {each.game_id: _brief(each) for each in by_id}
        return {game: each for game, each in latest.items() if game in self.store.runtime_records}


def _brief(operation: Operation) -> Operation:
    return replace(operation, predecessor=None, cause=None, steps=(), details={})


def _matches(operation: Operation, wanted: OperationFilter) -> bool:
    origin = operation.request.origin
    return (
        wanted.game_id in {None, operation.game_id}
        and wanted.kind in {None, operation.kind}
        and wanted.outcome in {None, operation.outcome}
        and (not wanted.is_open or operation.outcome is None)
        and wanted.source in {None, origin.source}
        and wanted.source_ref in {None, origin.source_ref}
        and (wanted.since is None or operation.started_at >= wanted.since)
        and (wanted.until is None or operation.started_at < wanted.until)
    )
