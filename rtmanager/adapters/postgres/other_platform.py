"""Games whose engines were started on another platform than the present one."""

from typing import LiteralString

from psycopg.rows import scalar_row

from rtmanager.adapters.postgres.pool import PostgresPool

ID_LENGTHS = {"docker": 64, "swarm": 25}
"""Characters of a container's id on Docker, and of a service's on a Swarm."""
SHOWN = 4
_RUNNING: LiteralString = """
    SELECT game_id FROM runtime_records
    WHERE status = 'running' AND length(current_container_id) = ANY(%s)
    ORDER BY game_id LIMIT %s
"""


async def running_elsewhere(pool: PostgresPool, platform: str) -> list[str]:
    """Return some of the games that are recorded as running on another platform than this one.

    Raises ServiceUnavailable.
    """
    lengths = [length for name, length in ID_LENGTHS.items() if name != platform]
    return await pool.fetch(_RUNNING, [lengths, SHOWN], rows=scalar_row)
