from collections.abc import AsyncIterator

import psycopg
import pytest

from rtmanager.adapters.postgres.backlogs import PostgresBacklogs
from rtmanager.adapters.postgres.figures import PostgresFigures
from rtmanager.adapters.postgres.operation_history import PostgresOperationHistory
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.domain.operation import LeaseNumber, Operation
from rtmanager.domain.ports.backlogs import OPEN_OPERATIONS, OUTBOX, Backlog
from rtmanager.domain.ports.operation_journal import Admission
from tests.builders import NOON, make_request
from tests.support.applicants import begin_one

LEASE = LeaseNumber(1)
FIXTURES = """
    INSERT INTO runtime_records (game_id, status, current_container_id, state_path, docker_network,
        last_op_at, created_at, last_fence)
    SELECT 'g' || number, CASE WHEN number < 3 THEN 'running' ELSE 'stopped' END, 'c' || number,
        '/s', 'n', now(), now(), 1 FROM generate_series(0, 4) AS number;
    INSERT INTO health_baselines (game_id, watch, container_id, failing, count) VALUES
        ('g0', 'probe', 'c0', true, 3), ('g0', 'inspect', 'c0', true, 3),
        ('g1', 'probe', 'an earlier one', true, 3), ('g2', 'probe', 'c2', false, 0),
        ('g3', 'probe', 'c3', true, 3);
    INSERT INTO outbox (game_id, stream, fields, created_at, sent_at) VALUES
        ('g0', 'job_results', '{}', now() - interval '1 hour', now()),
        ('g0', 'job_results', '{}', now() - interval '90 s', NULL),
        ('g0', 'job_results', '{}', now() - interval '30 s', NULL);
"""


@pytest.fixture
async def pool(database_dsn: str) -> AsyncIterator[PostgresPool]:
    """Return an open pool."""
    pool = PostgresPool(database_dsn)
    await pool.open()
    yield pool
    await pool.close()


async def begin(pool: PostgresPool, trace_id: str | None = None) -> Operation:
    """Begin an operation."""
    journal, admission = PostgresOperationJournal(pool), Admission(trace_id=trace_id)
    begun = await begin_one(journal, make_request(), lambda _: admission)
    return begun.operation


async def test_an_empty_store_has_only_zeros(pool: PostgresPool) -> None:
    """Nothing is there yet, and nothing is old."""
    figures = await PostgresFigures(pool).read_figures()

    assert (figures.runtimes, figures.unhealthy) == ({}, 0)
    assert await PostgresBacklogs(pool).read() == [Backlog(OUTBOX, 0), Backlog(OPEN_OPERATIONS, 0)]


async def test_figures_are_those_of_the_tables(pool: PostgresPool, database_dsn: str) -> None:
    """Records by status, engines that fail in their present container, what waits since when."""
    async with await psycopg.AsyncConnection.connect(database_dsn, autocommit=True) as connection:
        await connection.execute("SET search_path TO rtmanager")
        await connection.execute(FIXTURES)
    await begin(pool)

    figures = await PostgresFigures(pool).read_figures()
    outbox, operations = await PostgresBacklogs(pool).read()

    assert figures.runtimes == {"running": 3, "stopped": 2}
    assert figures.unhealthy == 1
    assert (operations.waiting, operations.oldest_at) == (1, NOON)
    assert operations.age > 0
    assert outbox.waiting == 2
    assert 90 <= outbox.age < 120


async def test_an_operation_keeps_the_trace_in_which_it_began(pool: PostgresPool) -> None:
    """Whoever reads the log finds the trace; an operation outside of one has none."""
    operation = await begin(pool, f"{0xABC:032x}")

    written = await PostgresOperationHistory(pool).get(operation.id)
    assert written is not None
    assert written.trace_id == operation.trace_id == f"{0xABC:032x}"


async def test_an_operation_outside_of_a_trace_has_none(pool: PostgresPool) -> None:
    """Tracing is off by default."""
    assert (await begin(pool)).trace_id is None
