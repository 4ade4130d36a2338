"""Connections of the pool that break: while they are idle, and while they are used."""

import asyncio
import itertools
import select
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import pq, waiting
from psycopg.conninfo import make_conninfo

from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.domain.errors import ServiceUnavailable
from tests.builders import GAME, make_completion, make_request
from tests.integration.postgres.backends import backends
from tests.support.proxy import Proxy


async def test_a_connection_is_lent_without_a_round_trip(pool: PostgresPool, proxy: Proxy) -> None:
    """Whether it works is found by using it."""
    proxy.hang()

    async with asyncio.timeout(0.5), pool.connection():
        pass


async def test_connections_that_were_closed_while_idle_are_not_lent(
    pool: PostgresPool, proxy: Proxy
) -> None:
    """Their end is noticed before anything is sent on them: no write fails."""
    before = await backends(pool, 5)
    proxy.cut()

    journal = PostgresOperationJournal(pool)
    async with asyncio.timeout(1.5):
        await asyncio.gather(
            *(journal.refuse(make_request(), make_completion(), []) for _ in range(5))
        )
    assert not before & await backends(pool, 5)


async def test_a_connection_that_got_a_notice_while_idle_is_lent(
    database_dsn: str, lone: PostgresPool
) -> None:
    """Something has arrived, but not its end: it is asked, and kept."""
    async with lone.connection() as connection:
        await connection.execute("LISTEN news")
        descriptor = connection.fileno()
    before = await backends(lone, 1)
    with psycopg.connect(database_dsn, autocommit=True) as other:
        other.execute("NOTIFY news")
    arrived, *_ = await asyncio.to_thread(select.select, [descriptor], [], [], 5)

    assert arrived
    assert await backends(lone, 1) == before


async def test_a_read_whose_connection_breaks_is_repeated(pool: PostgresPool, proxy: Proxy) -> None:
    """It changes nothing, so it may run twice; on a new connection."""
    before = await backends(pool, 2)
    proxy.lose_reply_to(b"runtime_records")

    assert await PostgresRuntimeRecords(pool).get(GAME) is None
    assert proxy.lost_replies == 1
    assert not before & await backends(pool, 2)


async def test_a_read_is_repeated_only_once(pool: PostgresPool, proxy: Proxy) -> None:
    """What breaks the second connection too is an outage."""
    proxy.lose_every_reply_to(b"runtime_records")

    with pytest.raises(ServiceUnavailable, match="Postgres is not available"):
        await PostgresRuntimeRecords(pool).get(GAME)

    assert proxy.lost_replies == 2


async def test_a_write_whose_connection_breaks_is_not_repeated(
    database_dsn: str, pool: PostgresPool, proxy: Proxy
) -> None:
    """Nobody knows whether it was done. All other connections are replaced at once."""
    before = await backends(pool, 3)
    proxy.lose_reply_to(b"COMMIT")
    journal = PostgresOperationJournal(pool)
    with pytest.raises(ServiceUnavailable):
        await journal.refuse(make_request(), make_completion(), [])

    with psycopg.connect(database_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM operation_log").fetchone() == (1,)
    assert not before & await backends(pool, 3)


async def test_pools_beside_each_other_are_opened_drained_and_closed_together(
    database_dsn: str, proxy: Proxy
) -> None:
    """What one learns of the server holds for the other, but neither waits for the other."""
    pool = PostgresPool(make_conninfo(database_dsn, port=proxy.port), size=1)
    beside = pool.beside(1)
    await pool.open()
    async with pool.connection():
        before = await backends(beside, 1)
    proxy.lose_reply_to(b"SELECT 7")
    with pytest.raises(ServiceUnavailable):
        async with pool.connection() as connection:
            await connection.execute("SELECT 7")

    assert not before & await backends(beside, 1)
    await pool.close()
    with pytest.raises(ServiceUnavailable, match="closed"):
        await beside.ping()


async def test_a_transaction_has_no_round_trips_of_its_own(
    lone: PostgresPool, tmp_path: Path
) -> None:
    """BEGIN is sent with the first statements, COMMIT after the last one that is read."""
    async with lone.connection() as connection:
        libpq = connection.pgconn
    with (tmp_path / "trace").open("w") as trace:
        libpq.trace(trace.fileno())
        libpq.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        async with lone.transaction() as connection:
            first = await connection.execute("SELECT 1")
            second = await connection.execute("SELECT 2")
            assert (await first.fetchone(), await second.fetchone()) == ((1,), (2,))
            await connection.execute("SELECT 3")
        libpq.untrace()
    directions = [line[0] for line in (tmp_path / "trace").read_text().splitlines()]

    assert [way for way, _ in itertools.groupby(directions)] == ["F", "B", "F", "B"]


async def test_a_transaction_that_fails_leaves_nothing_and_keeps_its_connection(
    lone: PostgresPool,
) -> None:
    """Whether an error of ours ends it, or one of a statement that nobody has read."""
    before = await backends(lone, 1)

    async def fail(statement: LiteralString) -> None:
        async with lone.transaction() as connection:
            await connection.execute("CREATE TABLE left_over ()")
            await connection.execute(statement)
            if statement == "SELECT 1":
                raise LookupError

    with pytest.raises(LookupError):
        await fail("SELECT 1")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await fail("SELECT 1 / 0")

    async with lone.connection() as connection:
        found = await connection.execute("SELECT to_regclass('left_over')")
        assert await found.fetchone() == (None,)
    assert await backends(lone, 1) == before


async def test_a_transaction_that_is_cancelled_anywhere_leaves_no_pipeline_behind(
    lone: PostgresPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next statement on the connection commits by itself, as on every other."""

    async def transact() -> None:
        async with lone.transaction() as connection:
            await (await connection.execute("SELECT 1")).fetchone()

    # The driver now yields to the loop wherever it may, as it does when the loop is busy.
    monkeypatch.setattr(waiting, "MAX_BUSY_TIME", 0.0)
    for steps in range(12):
        task = asyncio.create_task(transact())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        async with lone.connection() as connection:
            status = connection.info.pipeline_status, connection.info.transaction_status

        assert status == (pq.PipelineStatus.OFF, pq.TransactionStatus.IDLE)


async def test_a_connection_whose_return_is_cancelled_is_not_lost(lone: PostgresPool) -> None:
    """The pool has one connection, and lends it again."""
    lent, used = asyncio.Event(), asyncio.Event()

    async def borrow() -> None:
        async with lone.connection():
            lent.set()
            await used.wait()

    task = asyncio.create_task(borrow())
    await lent.wait()
    async with vars(lone)["_pool"]._lock:  # noqa: SLF001 - others borrow or return at this moment
        used.set()
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    async with asyncio.timeout(1):
        await lone.ping()
