"""The statements of the peers, and their pool: as large as the service's."""

import os
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

# The columns that the service reads, in its order.
_SELECT: LiteralString = """
    SELECT game_id, status, current_container_id, current_image_ref, image_id, engine_endpoint,
        state_path, docker_network, started_at, stopped_at, removed_at, last_op_at, created_at,
        last_fence
    FROM runtime_records
"""
GET: LiteralString = f"{_SELECT} WHERE game_id = %s"
LOCK: LiteralString = f"{GET} FOR UPDATE"
LIST: LiteralString = f'{_SELECT} ORDER BY game_id COLLATE "C"'

# What the service writes of a refused request.
REFUSE: LiteralString = """
    INSERT INTO operation_log (
        game_id, kind, source, source_ref, image_ref, outcome, error_code, error_message,
        started_at, finished_at
    )
    VALUES (%s, 'patch', 'gm_rest', %s, %s, 'failure', 'conflict', %s, now(), now())
    RETURNING id
"""

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]


def new_pool() -> Pool:
    """Return a pool of ten connections to the database of the environment, not opened yet."""
    return AsyncConnectionPool(
        os.environ["BENCH_DSN"],
        connection_class=AsyncConnection[DictRow],
        min_size=10,
        max_size=10,
        open=False,
        kwargs={"autocommit": True, "row_factory": dict_row, "options": _options()},
    )


def _options() -> str:
    return "-c search_path=rtmanager -c timezone=UTC"
