"""Removing the containers of games that were stopped long ago."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OperationKind, OperationRequest, OpSource, Origin
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.ports.game_lease import GameLease, LeaseBusy
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

GAMES_AT_ONCE = 4
HINT = "retention"


@dataclass(frozen=True, slots=True)
class ExpireContainers:
    """Cleans up stopped games whose last operation is older than the retention; keeps the state."""

    operations: Operations
    retention: timedelta

    async def run(self) -> str:
        """Clean up expired containers and return what was done; empty when none had expired."""
        before = self.operations.clock.now() - self.retention
        records = await self.operations.records.list()
        expired = [record.game_id for record in records if _expired(record, before)]

        async def expire(game_id: GameId) -> bool:
            return await self._expire(game_id, before)

        results = await run_concurrently(expired, expire, limit=GAMES_AT_ONCE)
        if not expired:
            return ""
        return f"{sum(results.done)} of {len(expired)} containers removed, stopped before {before}"

    async def _expire(self, game_id: GameId, before: datetime) -> bool:
        """Clean up one game, unless an operation is running on it or has run since the check."""
        request = OperationRequest(
            game_id=game_id,
            kind=OperationKind.CLEANUP_CONTAINER,
            origin=Origin(OpSource.AUTO_TTL, HINT),
        )

        async def clean_up(lease: GameLease) -> bool:
            record = await self.operations.records.get(game_id)
            if record is None or not _expired(record, before):
                return False
            await self.operations.run_under(lease, request)
            return True

        try:
            return await self.operations.under_lease(game_id, clean_up, wait=0.0)
        except LeaseBusy:
            return False


def _expired(record: RuntimeRecord, before: datetime) -> bool:
    return record.status is RuntimeStatus.STOPPED and record.last_op_at < before
