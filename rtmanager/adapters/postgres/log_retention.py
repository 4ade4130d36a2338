"""Deleting old operations from the log in Postgres, a page of ids per statement."""

# ruff: noqa: S608 - composed of constants; LiteralString proves it

from typing import Any, LiteralString

from rtmanager.adapters.postgres.pool import Connection
from rtmanager.adapters.postgres.stored_values import Parameters
from rtmanager.domain.operation import Fence
from rtmanager.domain.ports.job_stream import entry_order
from rtmanager.domain.ports.operation_journal import LogRetention, PrunedPage

_NEVER = (10**20, 0)
"""More than any entry id: all entries of an empty stream are gone."""

# Compared as numbers: entry ids are not ordered as texts.
_IS_GONE: LiteralString = """EXISTS (
    SELECT FROM unnest(%(kinds)s::text[], %(times)s::numeric[], %(sequences)s::numeric[])
        AS oldest (kind, time, sequence)
    WHERE oldest.kind = page.kind AND CASE
        WHEN page.source_ref ~ '^[0-9]{1,20}-[0-9]{1,20}$' THEN (
            split_part(page.source_ref, '-', 1)::numeric,
            split_part(page.source_ref, '-', 2)::numeric
        ) < (oldest.time, oldest.sequence)
        ELSE false
    END
)"""

_IS_AMONG_LAST: LiteralString = """(
    EXISTS (
        SELECT FROM runtime_records AS record
        WHERE record.game_id = page.game_id AND record.status <> 'removed'
    ) AND %(kept)s > (
        SELECT count(*) FROM (
            SELECT FROM operation_log AS later
            WHERE later.game_id = page.game_id AND later.id > page.id LIMIT %(kept)s
        ) AS later
    )
)"""

# By id, which needs no index on times, and examines no operation twice in one cycle.
_PRUNE: LiteralString = f"""
    WITH page AS (
        SELECT id, game_id, kind, source, source_ref, started_at, finished_at
        FROM operation_log WHERE id > %(after)s ORDER BY id LIMIT %(limit)s
    ), deleted AS (
        DELETE FROM operation_log AS operation USING page
        WHERE operation.id = page.id
            AND page.finished_at < %(before)s
            AND (page.source <> 'lobby_stream'
                OR (page.finished_at < %(jobs_before)s AND {_IS_GONE}))
            AND NOT {_IS_AMONG_LAST}
        RETURNING operation.game_id
    )
    SELECT
        (SELECT count(*) FROM deleted),
        (SELECT coalesce(array_agg(DISTINCT game_id), '{{}}') FROM deleted),
        (SELECT max(id) FROM page HAVING count(*) = %(limit)s
            AND (array_agg(started_at ORDER BY id DESC))[1] < %(before)s)
"""

# A holder that has just written its number keeps it: the row is then another one.
_FORGET_LEASES: LiteralString = """
    DELETE FROM game_leases USING (
        SELECT game_id, number FROM game_leases AS lease
        WHERE game_id = ANY(%s)
            AND NOT EXISTS (SELECT FROM runtime_records WHERE game_id = lease.game_id)
            AND NOT EXISTS (SELECT FROM operation_log WHERE game_id = lease.game_id)
    ) AS idle
    WHERE game_leases.game_id = idle.game_id AND game_leases.number = idle.number
"""


async def prune_operations(
    connection: Connection, retention: LogRetention, *, after: Fence, limit: int
) -> PrunedPage:
    """Delete those of the next operations that need not stay, and what they leave behind."""
    found = await connection.execute(_PRUNE, _parameters(retention, after, limit))
    row: Any = await found.fetchone()
    deleted, games, last = row
    if games:
        await connection.execute(_FORGET_LEASES, [games])
    return PrunedPage(deleted, None if last is None else Fence(last))


def _parameters(retention: LogRetention, after: Fence, limit: int) -> Parameters:
    oldest = {
        kind: _NEVER if entry_id is None else entry_order(entry_id)
        for kind, entry_id in retention.oldest_jobs.items()
    }
    return {
        "after": after,
        "limit": limit,
        "before": retention.finished_before,
        "jobs_before": retention.jobs_finished_before,
        "kept": retention.kept_per_game,
        "kinds": [kind.value for kind in oldest],
        "times": [time for time, _ in oldest.values()],
        "sequences": [sequence for _, sequence in oldest.values()],
    }
