"""Lease numbers in Postgres: whoever holds a game's lease, the later holder rules."""

from rtmanager.adapters.postgres import statements
from rtmanager.adapters.postgres.deadline import Connection
from rtmanager.adapters.postgres.stored_values import stored_game_id
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber
from rtmanager.domain.ports.game_lease import NO_LEASE, LeaseLost


async def lease_lost(connection: Connection, game_id: GameId) -> LeaseLost:
    """Return the error for a holder that was overtaken, with the highest number of the game."""
    cursor = await connection.execute(statements.HIGHEST_LEASE, [stored_game_id(game_id)])
    (highest,) = await cursor.fetchone() or (NO_LEASE,)
    return LeaseLost(highest=LeaseNumber(highest))


async def see_lease(connection: Connection, game_id: GameId, lease: LeaseNumber) -> None:
    """Note the number of a holder, or raise LeaseLost when a later one was seen."""
    parameters = {"game_id": stored_game_id(game_id), "lease": lease}
    seen = await connection.execute(statements.SEE_LEASE, parameters)
    if await seen.fetchone() is None:
        raise await lease_lost(connection, game_id)
