"""Which connections a pool lends, by their server processes."""

from contextlib import AsyncExitStack

from rtmanager.adapters.postgres.pool import Connections


async def backends(pool: Connections, number: int) -> set[int]:
    """Borrow this many connections at the same time, and return who serves them."""
    async with AsyncExitStack() as lent:
        connections = [await lent.enter_async_context(pool.connection()) for _ in range(number)]
        return {connection.info.backend_pid for connection in connections}
