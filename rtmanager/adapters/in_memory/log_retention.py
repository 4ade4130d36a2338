"""Deleting old operations from the log in memory."""

from itertools import islice

from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, Operation, OperationKind, OpSource
from rtmanager.domain.ports.job_stream import JobKind, entry_order
from rtmanager.domain.ports.operation_journal import LogRetention, PrunedPage
from rtmanager.domain.runtime import RuntimeStatus


def prune(store: InMemoryStore, retention: LogRetention, *, after: Fence, limit: int) -> PrunedPage:
    """Delete those of the next operations that need not stay."""
    page = list(islice((each for each in store.operations.values() if each.id > after), limit))
    old = [each for each in page if not _must_stay(store, retention, each)]
    # Ids are not used again, even when the latest operation is deleted.
    store.fences_up_to = max([store.fences_up_to, *store.operations])
    for each in old:
        del store.operations[each.id]
    _forget_leases(store, {each.game_id for each in old})
    follows = len(page) == limit and page[-1].started_at < retention.finished_before
    return PrunedPage(len(old), page[-1].id if follows else None)


def _must_stay(store: InMemoryStore, retention: LogRetention, operation: Operation) -> bool:
    finished_at = operation.finished_at
    if finished_at is None or finished_at >= retention.finished_before:
        return True
    if _is_among_last(store, retention, operation):
        return True
    if operation.request.origin.source is not OpSource.LOBBY_STREAM:
        return False
    return finished_at >= retention.jobs_finished_before or not _is_gone(retention, operation)


def _is_among_last(store: InMemoryStore, retention: LogRetention, operation: Operation) -> bool:
    record = store.runtime_records.get(operation.game_id)
    if record is None or record.status is RuntimeStatus.REMOVED:
        return False
    of_game = (each for each in store.operations.values() if each.game_id == operation.game_id)
    return sum(each.id > operation.id for each in of_game) < retention.kept_per_game


def _is_gone(retention: LogRetention, operation: Operation) -> bool:
    """Return whether the job's entry cannot be delivered again."""
    kind = JobKind.START if operation.kind is OperationKind.START else JobKind.STOP
    oldest, entry_id = retention.oldest_jobs[kind], operation.request.origin.source_ref
    return oldest is None or entry_order(entry_id) < entry_order(oldest)


def _forget_leases(store: InMemoryStore, games: set[GameId]) -> None:
    present = {each.game_id for each in store.operations.values()}
    for game_id in games - present - store.runtime_records.keys():
        store.leases.pop(game_id, None)
