"""A database that is restored from a backup."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, LeaseNumber, Operation
from rtmanager.domain.runtime import RuntimeRecord

if TYPE_CHECKING:
    from tests.simulation.director import Director
    from tests.simulation.environment import Environment

K = TypeVar("K")
V = TypeVar("V")

UNTIL_CALLS_ARE_OVER = 1.0


@dataclass(frozen=True, slots=True)
class Backup:
    """What was in the database."""

    records: dict[GameId, RuntimeRecord]
    operations: dict[Fence, Operation]
    leases: dict[GameId, LeaseNumber]
    holders: dict[Fence, LeaseNumber]
    handed_over: set[Fence]
    messages: int


class Backups:
    """Makes a backup and restores it; each public method is an event of a plan."""

    def __init__(self, director: "Director", environment: "Environment") -> None:
        self._director, self._environment = director, environment
        self._backup: Backup | None = None

    def backup(self) -> None:
        """Keep what is in the database now."""
        store = self._environment.store
        self._backup = Backup(
            dict(store.runtime_records),
            dict(store.operations),
            dict(store.leases),
            dict(store.holders),
            set(store.handed_over),
            len(store.outbox),
        )

    def restore(self, steps: int) -> None:
        """Stop the service, put the backup in the database's place, and start it again."""
        if self._backup is None or self._environment.supervised:
            return
        for slot in range(len(self._environment.processes)):
            self._director.happen("kill", slot, steps, UNTIL_CALLS_ARE_OVER)
        self._put_back(self._backup)
        self._environment.invariants.forget()
        self._environment.invariants.oracle.rebase()
        self._environment.tally.note("database restored", "from a backup")

    def _put_back(self, backup: Backup) -> None:
        store = self._environment.store
        _put(store.runtime_records, backup.records)
        _put(store.operations, backup.operations)
        _put(store.leases, backup.leases)
        _put(store.holders, backup.holders)
        store.handed_over.clear()
        store.handed_over.update(backup.handed_over)
        store.fences_up_to = 0
        del store.outbox[backup.messages :]


def _put(table: dict[K, V], kept: dict[K, V]) -> None:
    """Let the table be as it was kept; nobody who watches its writes is told."""
    table.clear()
    table.update(kept)
