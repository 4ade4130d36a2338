"""All games at a glance: the record, the health and the latest operation of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.insight.health import HealthState, ReadHealth
from rtmanager.domain.operation import Operation
from rtmanager.domain.ports.operation_history import OperationHistory
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One game at a glance; its latest operation is without its steps."""

    record: RuntimeRecord
    health: HealthState
    last_operation: Operation | None


@dataclass(frozen=True, slots=True)
class ReadOverview:
    """Reads the overview of all games, without asking Docker."""

    records: RuntimeRecords
    history: OperationHistory
    health: ReadHealth

    async def list(self) -> Sequence[Overview]:
        """Return every game with a record, ordered by game id."""
        records, latest = await self.records.list(), await self.history.latest()
        health = {each.game_id: each.state for each in await self.health.list()}
        return [
            Overview(
                record=each,
                health=health.get(each.game_id, HealthState.UNKNOWN),
                last_operation=latest.get(each.game_id),
            )
            for each in records
        ]
