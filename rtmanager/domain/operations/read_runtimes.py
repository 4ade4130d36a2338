"""Reading the records, without asking Docker."""

from collections.abc import Sequence
from dataclasses import dataclass

from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord


@dataclass(frozen=True, slots=True)
class ReadRuntimes:
    """Reads runtime records as of the last finished operations."""

    records: RuntimeRecords

    async def get(self, game_id: GameId) -> RuntimeRecord:
        """Return the game's record; raise NotFound when it was never started."""
        record = await self.records.get(game_id)
        if record is None:
            raise NotFound
        return record

    async def list(self) -> Sequence[RuntimeRecord]:
        """Return every record of any status, ordered by game id."""
        return await self.records.list()
