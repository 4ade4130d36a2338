"""What a beginning operation sees of one that another process finishes at the same moment."""

import asyncio
from collections.abc import AsyncIterator
from typing import LiteralString

import psycopg
import pytest

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence
from rtmanager.domain.ports.operation_journal import Ledger, OperationStillOpen
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import GAME, make_record, make_request
from tests.contract.ports.journals import LATER, begin, finish, recording_rule
from tests.contract.ports.stores import Store, open_store
from tests.support.applicants import begin_one

IS_WAITING: LiteralString = "SELECT 1 FROM pg_locks WHERE NOT granted"
LOCK_RECORD: LiteralString = "SELECT FROM runtime_records WHERE game_id = %s FOR UPDATE"
END: LiteralString = """
    UPDATE operation_log SET outcome = 'success', finished_at = now()
    WHERE game_id = %s AND outcome IS NULL
"""
STOP: LiteralString = """
    UPDATE runtime_records SET status = 'stopped', last_fence = last_fence + 1 WHERE game_id = %s
"""


@pytest.fixture
async def store(database_dsn: str) -> AsyncIterator[Store]:
    """Return the store of one process."""
    async with open_store(database_dsn) as opened:
        yield opened


@pytest.fixture
async def other(database_dsn: str) -> AsyncIterator[psycopg.AsyncConnection]:
    """Return the connection of another process."""
    async with await psycopg.AsyncConnection.connect(database_dsn) as connection:
        yield connection


async def somebody_waits(dsn: str) -> None:
    """Wait until a transaction waits for another."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        while not await (await connection.execute(IS_WAITING)).fetchone():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_operation_that_ends_while_its_record_is_waited_for_is_still_open(
    store: Store, other: psycopg.AsyncConnection, database_dsn: str
) -> None:
    """The rule is not shown the new record of an operation that was open a moment before."""
    first = await begin(store)
    await finish(store, first, record=make_record(fence=first.id))
    await begin(store)
    seen: list[Ledger] = []
    await other.execute(LOCK_RECORD, [GAME])
    beginning = asyncio.create_task(
        begin_one(store.journal, make_request(), recording_rule(seen), lease=LATER)
    )
    await asyncio.wait_for(somebody_waits(database_dsn), 10)
    await other.execute(END, [GAME])
    await other.execute(STOP, [GAME])
    await other.commit()

    with pytest.raises(OperationStillOpen):
        await beginning
    begun = await begin_one(store.journal, make_request(), recording_rule(seen), lease=LATER)

    stopped = make_record(status=RuntimeStatus.STOPPED, fence=Fence(first.id + 1))
    assert (begun.record, seen) == (stopped, [Ledger(stopped)])


async def test_who_waited_for_the_name_sees_what_the_one_before_has_begun(
    store: Store, other: psycopg.AsyncConnection, database_dsn: str
) -> None:
    """The ledger is read after the lock was granted: no snapshot is older than that."""
    seen: list[Ledger] = []
    lock: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended('chess', 0))"
    begin_first: LiteralString = """
        INSERT INTO operation_log (game_id, kind, source, source_ref, started_at)
        VALUES ('Chess', 'start', 'gm_rest', '', now())
    """
    await other.execute(lock)
    beginning = asyncio.create_task(
        begin_one(
            store.journal, make_request(game_id=GameId("chess")), recording_rule(seen), lease=LATER
        )
    )
    await asyncio.wait_for(somebody_waits(database_dsn), 10)
    await other.execute(begin_first)
    await other.commit()
    await beginning

    assert seen == [Ledger(None, namesake=GameId("Chess"))]
