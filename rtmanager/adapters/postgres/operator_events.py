"""The log of what operators are told, in Postgres: read in the order of its transactions."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import args_row, tuple_row

from rtmanager.adapters.postgres.event_rows import event_from
from rtmanager.adapters.postgres.notifications import notifications
from rtmanager.adapters.postgres.pool import Connections
from rtmanager.domain.insight.operator_events import BEGINNING, EventId
from rtmanager.domain.ports.operator_events import EventsLost, EventsPage

BEGIN = "begin"
"""The type of the first row, which is no event."""

# Every transaction below this has ended: none of them can add an event any more.
_STABLE: LiteralString = "transaction < pg_snapshot_xmin(pg_current_snapshot())"

# Only a database restored from a copy has rows of transactions that are yet to come.
_FROM_A_COPY: LiteralString = "transaction >= pg_snapshot_xmax(pg_current_snapshot())"

# By another name: ORDER BY would take the text, which is in another order.
_ID: LiteralString = "transaction::text AS transaction_text, id, at"

_LATEST: LiteralString = f"""
    SELECT {_ID} FROM operator_events WHERE {_STABLE} ORDER BY transaction DESC, id DESC LIMIT 1
"""

_READ: LiteralString = f"""
    SELECT {_ID}, type, game_id, body FROM operator_events
    WHERE (transaction, id) >= (%(transaction)s::xid8, %(row)s) AND {_STABLE}
    ORDER BY transaction, id LIMIT %(limit)s
"""

_SOME_WAIT: LiteralString = f"""
    SELECT EXISTS (
        SELECT FROM operator_events
        WHERE transaction >= pg_snapshot_xmin(pg_current_snapshot()) AND NOT {_FROM_A_COPY}
    )
"""

_PRUNE: LiteralString = """
    WITH latest AS (
        SELECT id FROM operator_events ORDER BY transaction DESC, id DESC LIMIT 1
    ), oldest AS (
        SELECT transaction, id, at FROM operator_events ORDER BY transaction, id LIMIT %(limit)s
    )
    DELETE FROM operator_events AS event USING oldest, latest
    WHERE (event.transaction, event.id) = (oldest.transaction, oldest.id)
        AND event.id <> latest.id
        AND (oldest.at < %(before)s OR oldest.id <= latest.id - %(most)s)
"""

_PRUNE_COPIED: LiteralString = f"DELETE FROM operator_events WHERE {_FROM_A_COPY}"


class PostgresOperatorEvents:
    """Reads and prunes the table `operator_events`; triggers and the drift log write it."""

    def __init__(self, pool: Connections, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn

    async def latest(self) -> EventId:
        """Return the id of now."""
        found = await self._pool.fetch(_LATEST, rows=args_row(_event_id))
        return found[0] if found else BEGINNING

    async def read(self, after: EventId, *, limit: int) -> EventsPage:
        """Return the next events."""
        # One row more for the event with this id, and one to see whether there are more.
        parameters = {"transaction": str(after.transaction), "row": after.row, "limit": limit + 2}
        # In this order: what waits in the first statement may be read in the second.
        ((waits,),) = await self._pool.fetch(_SOME_WAIT, rows=tuple_row)
        found: list[Any] = await self._pool.fetch(_READ, parameters, rows=tuple_row)
        rows = [(_event_id(*row[:3]), row) for row in found]
        if after != BEGINNING:
            if not rows or rows[0][0] != after:
                raise EventsLost
            del rows[0]
        page = rows[:limit]
        events = [
            event_from(id_, kind, game_id, at, body)
            for id_, (_, _, at, kind, game_id, body) in page
            if kind != BEGIN
        ]
        last = page[-1][0] if page else after
        return EventsPage(events, last, has_more=len(rows) > limit, waits=waits)

    @asynccontextmanager
    async def wakeups(self) -> AsyncIterator[AsyncIterator[None]]:
        """Listen on a dedicated connection, which must not go through a pooler."""
        async with notifications(self._dsn, "LISTEN rtmanager_events") as notified:
            yield notified

    async def prune(self, *, before: datetime, most: int, limit: int) -> int:
        """Delete old events."""
        parameters = {"before": before, "most": most, "limit": limit}
        async with self._pool.connection() as connection:
            copied = await connection.execute(_PRUNE_COPIED)
            deleted = await connection.execute(_PRUNE, parameters)
        return copied.rowcount + deleted.rowcount


def _event_id(transaction: str, row: int, at: datetime) -> EventId:
    return EventId.of(int(transaction), row, at)
