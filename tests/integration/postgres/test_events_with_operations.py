"""An event is in the transaction of what it reports: without the one there is not the other."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.insight.operator_events import BEGINNING, OperationProgress
from rtmanager.domain.operation import Outcome
from tests.builders import make_record, make_request
from tests.contract.ports.journals import begin, finish
from tests.contract.ports.stores import PostgresStore, Store, open_store

IMPATIENT = "-c search_path=rtmanager -c statement_timeout=300ms"
REFUSE: LiteralString = (
    "ALTER TABLE operator_events ADD CONSTRAINT full_up CHECK (type = 'begin') NOT VALID"
)
ACCEPT: LiteralString = "ALTER TABLE operator_events DROP CONSTRAINT full_up"


@pytest.fixture
async def store(database_dsn: str) -> AsyncIterator[PostgresStore]:
    """Return a store whose statements have little time."""
    async with open_store(make_conninfo(database_dsn, options=IMPATIENT)) as opened:
        assert isinstance(opened, PostgresStore)
        yield opened


@contextmanager
def locked(dsn: str) -> Iterator[None]:
    """Lock the table of events for the block, as `VACUUM FULL` does."""
    with psycopg.connect(dsn, options=IMPATIENT) as connection:
        connection.execute("LOCK TABLE operator_events IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def refusing(dsn: str) -> Iterator[None]:
    """Let every insert of an event fail during the block."""
    with psycopg.connect(dsn, options=IMPATIENT, autocommit=True) as connection:
        connection.execute(REFUSE)
        yield
        connection.execute(ACCEPT)


async def outcomes(store: Store) -> list[Outcome | None]:
    """Return the outcomes in the events, in order."""
    events = (await store.events.read(BEGINNING, limit=100)).events
    return [each.change.outcome for each in events if isinstance(each.change, OperationProgress)]


async def test_operation_whose_end_cannot_be_told_stays_open_and_ends_later(
    store: PostgresStore, database_dsn: str
) -> None:
    """While the table is locked the end fails within the time of a statement, and is told once."""
    operation = await begin(store)
    record = make_record(fence=operation.id)

    with locked(database_dsn), pytest.raises(ServiceUnavailable, match="statement timeout"):
        await finish(store, operation, record=record)
    as_it_was = store.operation(operation.id), await store.records.get(record.game_id)
    await finish(store, operation, record=record)

    assert as_it_was == (operation, None)
    assert await store.records.get(record.game_id) == record
    assert await outcomes(store) == [None, Outcome.SUCCESS]


async def test_failing_trigger_loses_no_operation(store: PostgresStore, database_dsn: str) -> None:
    """Neither begins one that nobody would hear of, nor is half an end written."""
    operation = await begin(store)
    record = make_record(fence=operation.id)

    with refusing(database_dsn):
        with pytest.raises(psycopg.errors.CheckViolation):
            await finish(store, operation, record=record)
        with pytest.raises(psycopg.errors.CheckViolation):
            await begin(store, game_id="go-3")
    as_it_was = store.operation(operation.id), await store.records.get(record.game_id)
    await finish(store, operation, record=record)

    assert as_it_was == (operation, None)
    assert store.operations(make_request(game_id="go-3").game_id) == []
    assert await outcomes(store) == [None, Outcome.SUCCESS]
