"""What waits, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.ports.backlogs import OPEN_OPERATIONS, OUTBOX, Backlog


@dataclass(frozen=True)
class InMemoryStoreBacklogs:
    """The queues of the store."""

    store: InMemoryStore
    about: str = "the store"

    async def read(self) -> Sequence[Backlog]:
        """Return the unsent messages and the open operations."""
        table = self.store.outbox_table
        unsent = len(table.messages) - len(table.sent_at)
        begun = [each.started_at for each in self.store.operations.values() if not each.outcome]
        return [
            Backlog(OUTBOX, unsent),
            Backlog(OPEN_OPERATIONS, len(begun), min(begun, default=None)),
        ]
