import asyncio

from rtmanager.adapters.postgres.migrate import installation_id
from rtmanager.adapters.postgres.pool import PostgresPool


async def test_installation_keeps_its_id(database_dsn: str) -> None:
    """The id is generated once and kept across restarts."""
    first, second = PostgresPool(database_dsn), PostgresPool(database_dsn)
    await first.open()
    made = await installation_id(first)
    await first.close()
    await second.open()

    assert await installation_id(second) == made
    await second.close()


async def test_replicas_that_start_at_once_have_one_id(database_dsn: str) -> None:
    """The first replica generates the id for all."""
    pools = [PostgresPool(database_dsn) for _ in range(4)]
    for pool in pools:
        await pool.open()

    ids = await asyncio.gather(*(installation_id(pool) for pool in pools))

    assert len(set(ids)) == 1
    for pool in pools:
        await pool.close()


async def test_id_fits_a_label_and_a_key(database_dsn: str) -> None:
    """The id is fit for container labels and Redis keys."""
    pool = PostgresPool(database_dsn)
    await pool.open()

    text = await installation_id(pool)

    assert len(text) == 16
    assert text.isalnum()
    await pool.close()
