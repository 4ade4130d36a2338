"""All games at a glance: the record, the health and the latest operation of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.health import HealthState, ReadHealth
from rtmanager.domain.operation import Operation
from rtmanager.domain.ports.operation_history import OperationFilter, OperationHistory
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
        """Return every game with a record, ordered by game id.

        One query for each of its parts, however many games there are.
        """
        records = await self.records.list()
        health, latest = await self.health.of(records), await self.history.latest()
        return [
            Overview(record=record, health=known.state, last_operation=latest.get(record.game_id))
            for record, known in zip(records, health, strict=True)
        ]

    async def find(self, game_id: GameId) -> Overview | None:
        """Return one game; None without a record."""
        record = await self.records.get(game_id)
        if record is None:
            return None
        known = await self.health.of_game(record)
        latest = await self.history.find(OperationFilter(game_id=game_id), limit=1)
        return Overview(
            record=record, health=known.state, last_operation=latest[0] if latest else None
        )
