"""Reading the records, without asking Docker."""

from dataclasses import dataclass

from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.runtime_records import RecordPages, RuntimeRecords
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

    def pages(self) -> RecordPages:
        """Yield every record of any status in pages, ordered by game id, as of one moment."""
        return self.records.pages()
