from collections.abc import AsyncIterator, Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rtmanager.adapters.postgres.pool import PostgresPool
from tests.support.proxy import Proxy


@pytest.fixture
def proxy(database_dsn: str) -> Iterator[Proxy]:
    """Return a proxy in front of the database."""
    address = conninfo_to_dict(database_dsn)
    with Proxy((str(address["host"]), int(str(address["port"])))) as opened:
        yield opened


@pytest.fixture
async def pool(database_dsn: str, proxy: Proxy) -> AsyncIterator[PostgresPool]:
    """Return an open pool behind the proxy, with one connection open."""
    pool = PostgresPool(make_conninfo(database_dsn, port=proxy.port))
    await pool.open()
    await pool.ping()
    yield pool
    proxy.pass_on()
    await pool.close()


@pytest.fixture
async def lone(database_dsn: str) -> AsyncIterator[PostgresPool]:
    """Return an open pool of one connection."""
    pool = PostgresPool(database_dsn, size=1)
    await pool.open()
    yield pool
    await pool.close()
