"""The token of the state root in the database."""

import asyncio

from rtmanager.adapters.postgres.migrate import installation_id
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.state_token import PostgresStateToken


async def test_the_first_claim_of_several_replicas_stays(database_dsn: str) -> None:
    """All of them get the same token, also in later processes."""
    pool = PostgresPool(database_dsn)
    await pool.open()
    await installation_id(pool)
    assert await PostgresStateToken(pool).read() is None

    kept = await asyncio.gather(*(PostgresStateToken(pool).claim(each) for each in "abcd"))

    assert len(set(kept)) == 1
    assert await PostgresStateToken(pool).claim("late") == kept[0]
    assert await PostgresStateToken(pool).read() == kept[0]
    await pool.close()
