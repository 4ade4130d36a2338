"""Games that were started on another platform."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from rtmanager.adapters.postgres.migrate import migrate
from rtmanager.adapters.postgres.other_platform import running_elsewhere
from rtmanager.adapters.postgres.pool import PostgresPool

OF_DOCKER, OF_A_SWARM = "0123456789abcdef" * 4, "0123456789abcdefghijklmno"
RECORD = """
    INSERT INTO runtime_records (game_id, status, current_container_id, state_path,
        docker_network, last_op_at, created_at, last_fence)
    VALUES (%s, %s, %s, '/state', 'galaxy-net', now(), now(), 1)
"""


@pytest.fixture
def games(database_dsn: str) -> Iterator[None]:
    """Record a game on each platform that runs, and one that does not."""
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        for record in (
            ("on-docker", "running", OF_DOCKER),
            ("on-a-swarm", "running", OF_A_SWARM),
            ("at-rest", "stopped", OF_DOCKER),
            ("gone", "removed", None),
        ):
            connection.execute(RECORD, record)
        yield


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[PostgresPool]:
    """Open a pool for the block."""
    await migrate(dsn)
    pool = PostgresPool(dsn)
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


@pytest.mark.usefixtures("games")
@pytest.mark.parametrize(
    ("platform", "elsewhere"), [("docker", ["on-a-swarm"]), ("swarm", ["on-docker"])]
)
async def test_games_that_run_on_the_other_platform_are_found(
    database_dsn: str, platform: str, elsewhere: list[str]
) -> None:
    """Their engines would not be seen, and their games started a second time."""
    async with opened(database_dsn) as pool:
        assert await running_elsewhere(pool, platform) == elsewhere


async def test_an_empty_database_fits_every_platform(database_dsn: str) -> None:
    """Nothing runs anywhere."""
    async with opened(database_dsn) as pool:
        assert await running_elsewhere(pool, "swarm") == []
