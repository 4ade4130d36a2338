"""Writing messages to the outbox in Postgres, in the transaction of what they report."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import LiteralString

from psycopg.rows import scalar_row
from psycopg.types.json import Jsonb

from rtmanager.adapters.postgres.pool import Connection
from rtmanager.adapters.postgres.stored_values import Columns, Parameters, stored_game_id
from rtmanager.domain.messages import OutboxMessage, log_over_quota

MESSAGE = Columns("game_id, stream, fields")

# Ids in the order of the messages.
_INSERT: LiteralString = f"""
    INSERT INTO outbox ({MESSAGE.names})
    SELECT {MESSAGE.names}
    FROM jsonb_populate_recordset(NULL::outbox, %s) WITH ORDINALITY ORDER BY ordinality
"""

# Held until the commit, so that of two transactions with one key the later sees the message. Each
# locks its dedup key first and the quota of all games last, so that no two wait for each other.
_LOCK_KEY: LiteralString = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))"

_IS_DUPLICATE: LiteralString = """EXISTS (
    SELECT FROM outbox WHERE quiet_key = %(dedup_key)s AND quiet_until > %(at)s
)"""

_IS_OVER_QUOTA: LiteralString = """EXISTS (
    SELECT FROM unnest(%(quotas)s::text[], %(most)s::bigint[]) AS quota (key, most)
    WHERE quota.most <= (
        SELECT count(*) FROM outbox_quota_uses AS used
        WHERE used.key = quota.key AND used.until > %(at)s
    )
)"""

# Returns whether it was within its quotas, or no row when it was a duplicate.
_INSERT_WITHIN_BOUNDS: LiteralString = f"""
    WITH checked AS (
        SELECT {_IS_OVER_QUOTA} AS is_over_quota WHERE NOT {_IS_DUPLICATE}
    ), written AS (
        INSERT INTO outbox ({MESSAGE.names}, quiet_key, quiet_until)
        SELECT {MESSAGE.values}, %(dedup_key)s, %(dedup_until)s
        FROM checked WHERE NOT is_over_quota
        RETURNING id
    ), used AS (
        INSERT INTO outbox_quota_uses (key, until)
        SELECT quota.key, quota.until
        FROM unnest(%(quotas)s::text[], %(untils)s::timestamptz[]) AS quota (key, until), written
    )
    SELECT NOT is_over_quota FROM checked
"""


async def insert_messages(
    connection: Connection, messages: Sequence[OutboxMessage], *, at: datetime
) -> None:
    """Insert the messages in order, except those in a dedup window or over a quota."""
    for bounded, several in groupby(messages, key=_is_bounded):
        if bounded:
            for each in several:
                await _insert_within_bounds(connection, each, at)
        else:
            await connection.execute(_INSERT, [Jsonb([_row(each) for each in several])])


def _is_bounded(message: OutboxMessage) -> bool:
    return message.dedup_key is not None or bool(message.quotas)


def _row(message: OutboxMessage) -> Parameters:
    game_id = stored_game_id(message.game_id)
    return {"game_id": game_id, "stream": message.stream, "fields": message.fields}


async def _insert_within_bounds(
    connection: Connection, message: OutboxMessage, at: datetime
) -> None:
    row = _row(message) | {"fields": Jsonb(message.fields)}
    keys = [quota.key for quota in message.quotas]
    for key in filter(None, (message.dedup_key, *keys)):
        await connection.execute(_LOCK_KEY, [key])
    bounds: Parameters = {
        "dedup_key": message.dedup_key,
        "dedup_until": at + timedelta(seconds=message.dedup_window),
        "quotas": keys,
        "most": [quota.most for quota in message.quotas],
        "untils": [at + timedelta(seconds=quota.seconds) for quota in message.quotas],
        "at": at,
    }
    cursor = connection.cursor(row_factory=scalar_row)
    written = await cursor.execute(_INSERT_WITHIN_BOUNDS, row | bounds)
    if await written.fetchone() is False:
        log_over_quota(message)
