import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import (
    AdminShutdown,
    CannotConnectNow,
    CheckViolation,
    DataCorrupted,
    IdleInTransactionSessionTimeout,
    IndexCorrupted,
    InFailedSqlTransaction,
    InternalError_,
    ReadOnlySqlTransaction,
    TransactionTimeout,
    UndefinedTable,
)
from psycopg.pq import TransactionStatus

from dev.embedded_postgres import FORGETFUL, EmbeddedPostgres
from rtmanager.adapters.postgres.errors import postgres_errors
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.pool_part import PoolPart
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import ListedRecord
from tests.builders import GAME, make_completion, make_request
from tests.integration.postgres.backends import backends
from tests.support.proxy import Proxy

_RECORDS: LiteralString = """
    INSERT INTO runtime_records (
        game_id, status, state_path, docker_network, last_op_at, created_at, last_fence
    )
    SELECT 'g' || n, 'removed', '', 'galaxy-net', now(), now(), 0 FROM generate_series(1, %s) AS n
"""

FAULTS_OF_THE_SERVER = [
    ReadOnlySqlTransaction,
    IdleInTransactionSessionTimeout,
    TransactionTimeout,
    InternalError_,
    DataCorrupted,
    IndexCorrupted,
]


@pytest.fixture
async def impatient(database_dsn: str, proxy: Proxy) -> AsyncIterator[PostgresPool]:
    """Return an open pool of one connection, which soon gives up a server."""
    dsn = make_conninfo(database_dsn, port=proxy.port)
    pool = PostgresPool(dsn, size=1, answer_timeout=0.5)
    await pool.open()
    await pool.ping()
    yield pool
    proxy.pass_on()
    await pool.close()


async def test_hung_postgres_raises_service_unavailable(
    impatient: PostgresPool, proxy: Proxy
) -> None:
    """A server that accepts connections but does not answer is given up, and not asked again."""
    proxy.hang()

    # Asked again, it would not even give a connection.
    with pytest.raises(ServiceUnavailable, match=r"Postgres .* no answer within 0\.5 s"):
        await PostgresRuntimeRecords(impatient).get(GAME)


async def test_postgres_that_hangs_amid_a_transaction_is_given_up(
    impatient: PostgresPool, proxy: Proxy
) -> None:
    """A statement that hangs fails at its deadline."""

    async def hang_amid() -> None:
        async with impatient.transaction() as connection:
            await (await connection.execute("SELECT 1")).fetchone()
            proxy.hang()
            await (await connection.execute("SELECT 1")).fetchone()

    with pytest.raises(ServiceUnavailable, match=r"no answer within 0\.5 s"):
        await hang_amid()


async def test_transaction_costs_one_round_trip(impatient: PostgresPool, proxy: Proxy) -> None:
    """Nobody waits for an answer to BEGIN, to a statement that is not read, or to COMMIT."""
    before = proxy.round_trips
    async with impatient.transaction() as connection:
        for _ in range(3):
            await connection.execute("SELECT 1")

    assert proxy.round_trips - before == 1


async def test_transaction_that_is_read_costs_one_round_trip_more(
    impatient: PostgresPool, proxy: Proxy
) -> None:
    """BEGIN is sent with the first statement that is read."""
    before = proxy.round_trips
    async with impatient.transaction() as connection:
        await (await connection.execute("SELECT 1")).fetchone()
        await connection.execute("SELECT 1")

    assert proxy.round_trips - before == 2


async def test_block_that_raises_leaves_nothing_and_a_connection_that_works(
    pool: PostgresPool,
) -> None:
    """A transaction is rolled back before its connection is lent again."""

    async def write_and_fail() -> None:
        async with pool.transaction() as connection:
            await connection.execute("CREATE TABLE never (n int)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()

    async with pool.connection() as connection:
        found = await connection.execute("SELECT to_regclass('never'), pg_backend_pid()")
        assert (await found.fetchone() or ())[0] is None
        assert connection.info.transaction_status == TransactionStatus.IDLE


async def test_statement_that_fails_at_the_end_of_a_block_is_raised(pool: PostgresPool) -> None:
    """A statement that is not read fails together with the commit."""
    with pytest.raises(UndefinedTable):
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO nowhere VALUES (1)")

    await pool.ping()


async def test_block_that_goes_on_after_a_failure_is_not_taken_for_committed(
    pool: PostgresPool,
) -> None:
    """Postgres answers COMMIT with a rollback then, which is no error to the driver."""

    async def ignore_a_failure() -> None:
        async with pool.transaction() as connection:
            with suppress(UndefinedTable):
                await (await connection.execute("SELECT FROM nowhere")).fetchone()
            async with connection.pipeline():
                pass  # which synchronises: Postgres accepts statements again

    with pytest.raises(InFailedSqlTransaction):
        await ignore_a_failure()

    await pool.ping()


async def test_pool_recovers_from_a_hang(pool: PostgresPool, proxy: Proxy) -> None:
    """Connections that hung are replaced; a ping does not wait for as long as others do."""
    proxy.hang()
    async with asyncio.timeout(2):
        with pytest.raises(ServiceUnavailable, match="no answer within 1 s"):
            await pool.ping()
    proxy.pass_on()

    await pool.ping()


async def test_slow_statement_is_given_up(lone: PostgresPool) -> None:
    """The server itself cancels a statement that takes too long; its connection is kept."""
    before = await backends(lone, 1)

    async def sleep() -> None:
        async with lone.connection() as connection:
            shown = await (await connection.execute("SHOW statement_timeout")).fetchone()
            assert shown == ("4s",)
            await connection.execute("SET statement_timeout = 100")
            await connection.execute("SELECT pg_sleep(30)")

    with pytest.raises(ServiceUnavailable, match="statement timeout"):
        await sleep()

    assert await backends(lone, 1) == before


async def test_restarted_postgres_is_used_again(
    postgres: EmbeddedPostgres, database_dsn: str
) -> None:
    """After a restart of Postgres no write fails, whatever connections were open before."""
    pool = PostgresPool(database_dsn)
    await pool.open()
    await backends(pool, 10)
    await asyncio.to_thread(postgres.stop)
    await asyncio.to_thread(postgres.start, *FORGETFUL)

    journal = PostgresOperationJournal(pool)
    async with asyncio.timeout(1.5):
        await asyncio.gather(
            *(journal.refuse(make_request(), make_completion(), []) for _ in range(10))
        )
    await pool.close()


async def test_stopped_postgres_raises_service_unavailable(
    proxy: Proxy, pool: PostgresPool
) -> None:
    """A server that refuses connections is unavailable, and used again once it accepts them."""
    proxy.refuse()
    with pytest.raises(ServiceUnavailable, match="Postgres"):
        await pool.ping()
    proxy.pass_on()

    await pool.ping()


def set_read_only(dsn: str, *, read_only: bool) -> None:
    """Make sessions that begin from now on read-only, as on a standby."""
    name = conninfo_to_dict(dsn)["dbname"]
    statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(statement.format(sql.Identifier(str(name)), sql.Literal(read_only)))


@pytest.fixture
async def single(database_dsn: str) -> AsyncIterator[PostgresPool]:
    """Return a pool of one connection, opened while the database is read-only."""
    set_read_only(database_dsn, read_only=True)
    pool = PostgresPool(database_dsn, size=1)
    await pool.open()
    yield pool
    await pool.close()


async def test_trap_postgres_turns_read_only(database_dsn: str, single: PostgresPool) -> None:
    """Writes raise ServiceUnavailable, reads work, and writes work again afterwards.

    A session that began meanwhile stays read-only; it is closed when that is noticed.
    """
    journal = PostgresOperationJournal(single)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match=r"Postgres is not available: .* read-only"):
            await journal.refuse(make_request(), make_completion(), [])
    assert await PostgresRuntimeRecords(single).get(GAME) is None
    set_read_only(database_dsn, read_only=False)

    with pytest.raises(ServiceUnavailable):
        await journal.refuse(make_request(), make_completion(), [])
    await journal.refuse(make_request(), make_completion(), [])


@pytest.mark.parametrize(
    "statement",
    [
        "SET transaction_read_only = on; DELETE FROM outbox",
        "SET idle_in_transaction_session_timeout = 1; SELECT pg_sleep(0)",
        "SELECT pg_terminate_backend(pg_backend_pid())",
    ],
)
async def test_what_postgres_does_to_a_session_is_service_unavailable(
    pool: PostgresPool, statement: LiteralString
) -> None:
    """A terminated session is unavailable, whatever class the driver raises; the next one works."""

    async def suffer() -> None:
        async with pool.connection() as connection, connection.transaction():
            for part in statement.split("; "):
                await connection.execute(part)
            await asyncio.to_thread(select.select, [connection.fileno()], [], [], 5)
            await connection.execute("SELECT 1")

    with pytest.raises(ServiceUnavailable, match="Postgres is not available"):
        await suffer()

    await pool.ping()


@pytest.mark.parametrize("error", [AdminShutdown, CannotConnectNow, *FAULTS_OF_THE_SERVER])
def test_fault_of_the_server_is_service_unavailable(error: type[psycopg.Error]) -> None:
    """Errors of the server's own classes are outages, though some cannot be provoked here."""
    with pytest.raises(ServiceUnavailable), postgres_errors():
        raise error


@pytest.mark.parametrize("error", [UndefinedTable, CheckViolation, InFailedSqlTransaction])
def test_fault_of_our_own_stays_what_it_is(error: type[psycopg.Error]) -> None:
    """An error of our own is not reported as an outage."""
    with pytest.raises(error), postgres_errors():
        raise error


async def test_message_of_an_unreachable_postgres_has_no_password() -> None:
    """The message names Postgres and hides the password."""
    pool = PostgresPool("postgresql://user:wrong-secret@127.0.0.1:1/db", checkout_timeout=0.2)
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


async def test_readers_of_a_part_leave_connections_to_the_rest(database_dsn: str) -> None:
    """However many read, a write finds a connection at once, and those in excess are refused."""
    pool = PostgresPool(database_dsn, size=2)
    part = PoolPart(pool, 1, checkout_timeout=0.2)
    await pool.open()
    async with part.connection():
        excess = [asyncio.create_task(part.ping()) for _ in range(20)]
        await asyncio.sleep(0)
        async with pool.transaction() as connection:
            await connection.execute("SELECT 1")
        refused = await asyncio.gather(*excess, return_exceptions=True)
    await part.ping()
    await pool.close()

    assert {type(each) for each in refused} == {ServiceUnavailable}
    assert "too many requests read from Postgres" in str(refused[0])


async def test_lists_leave_connections_to_other_readers(database_dsn: str) -> None:
    """However many lists are not read by their callers, a record is; the next list is refused."""
    pool = PostgresPool(database_dsn, size=2)
    lists = PoolPart(PoolPart(pool, 2), 1, checkout_timeout=0.1)
    records = PostgresRuntimeRecords(pool, lists=lists)
    await pool.open()
    await _insert_records(pool, 3)

    async with records.pages(1) as pages:
        await anext(aiter(pages))
        with pytest.raises(ServiceUnavailable, match="too many requests read from Postgres"):
            await _read(records)
        alone = await records.get(GameId("g1"))
    read = await _read(records)
    await pool.close()

    assert alone is not None
    assert [each.game_id for each in read] == ["g1", "g2", "g3"]


async def test_last_page_holds_no_connection(database_dsn: str) -> None:
    """Nor does the only one: a caller may read it when it likes."""
    pool = PostgresPool(database_dsn, size=1, checkout_timeout=0.1)
    records = PostgresRuntimeRecords(pool)
    await pool.open()
    await _insert_records(pool, 3)

    async with records.pages(2) as pages:
        await anext(aiter(pages))
        with pytest.raises(ServiceUnavailable):
            await records.get(GameId("g1"))
        await anext(aiter(pages))
        alone = await records.get(GameId("g1"))
    async with records.pages(4) as pages:
        only = await anext(aiter(pages))
        await records.ping()
    await pool.close()

    assert alone is not None
    assert len(only) == 3


async def _insert_records(pool: PostgresPool, number: int) -> None:
    async with pool.connection() as connection:
        await connection.execute(_RECORDS, [number])


async def _read(records: PostgresRuntimeRecords) -> list[ListedRecord]:
    async with records.pages(1) as pages:
        return [record async for page in pages for record in page]
