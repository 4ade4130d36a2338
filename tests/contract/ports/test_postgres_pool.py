import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.dev.embedded_postgres import FORGETFUL, EmbeddedPostgres
from rtmanager.domain.errors import ServiceUnavailable
from tests.builders import GAME
from tests.services.proxy import Proxy


@pytest.fixture
def proxy(database_dsn: str) -> Iterator[Proxy]:
    """Return a proxy before the database."""
    address = conninfo_to_dict(database_dsn)
    with Proxy((str(address["host"]), int(str(address["port"])))) as opened:
        yield opened


@pytest.fixture
async def pool(database_dsn: str, proxy: Proxy) -> AsyncIterator[PostgresPool]:
    """Return an open pool behind the proxy, with one connection made."""
    pool = PostgresPool(make_conninfo(database_dsn, port=proxy.port))
    await pool.open()
    await pool.ping()
    yield pool
    await pool.close()


async def test_hung_postgres_raises_service_unavailable(pool: PostgresPool, proxy: Proxy) -> None:
    """A server that accepts and does not answer is given up within seconds."""
    proxy.hang()

    async with asyncio.timeout(6):
        with pytest.raises(ServiceUnavailable, match="Postgres"):
            await PostgresRuntimeRecords(pool).get(GAME)


async def test_postgres_that_hangs_amid_a_transaction_is_given_up(
    pool: PostgresPool, proxy: Proxy
) -> None:
    """The statement that waits fails by its deadline."""

    async def hang_amid() -> None:
        async with pool.transaction() as connection:
            await (await connection.execute("SELECT 1")).fetchone()
            proxy.hang()
            await (await connection.execute("SELECT 1")).fetchone()

    async with asyncio.timeout(8):
        with pytest.raises(ServiceUnavailable, match="no answer within 5 s"):
            await hang_amid()


async def test_pool_recovers_from_a_hang(pool: PostgresPool, proxy: Proxy) -> None:
    """Connections that hung are replaced."""
    proxy.hang()
    with pytest.raises(ServiceUnavailable):
        await pool.ping()
    proxy.pass_on()

    await pool.ping()


async def test_slow_statement_is_given_up(pool: PostgresPool) -> None:
    """The server itself ends what takes too long, so that it does not go on for nobody."""
    with pytest.raises(ServiceUnavailable, match="statement timeout"):
        async with pool.connection() as connection:
            await connection.execute("SELECT pg_sleep(30)")


async def test_restarted_postgres_is_used_again(
    postgres: EmbeddedPostgres, database_dsn: str
) -> None:
    """A restart of Postgres needs no restart of ours, whatever connections were open."""
    pool = PostgresPool(database_dsn)
    await pool.open()
    await asyncio.gather(*(pool.ping() for _ in range(5)))
    await asyncio.to_thread(postgres.stop)
    with pytest.raises(ServiceUnavailable, match="Postgres"):
        await pool.ping()
    await asyncio.to_thread(postgres.start, *FORGETFUL)

    await asyncio.gather(*(pool.ping() for _ in range(5)))
    await pool.close()


async def test_message_of_an_unreachable_postgres_has_no_password() -> None:
    """It names Postgres and keeps the secret."""
    pool = PostgresPool("postgresql://user:wrong-secret@127.0.0.1:1/db", patience=0.2)
    await pool.open()

    with pytest.raises(ServiceUnavailable, match="Postgres") as raised:
        await pool.ping()

    assert "wrong-secret" not in str(raised.value)
    await pool.close()


async def test_pool_may_be_opened_and_closed_repeatedly(database_dsn: str) -> None:
    """Opening an open pool and closing a closed one do nothing."""
    pool = PostgresPool(database_dsn)
    await pool.close()
    await pool.open()
    await pool.open()
    await pool.ping()
    await pool.close()
    await pool.close()
