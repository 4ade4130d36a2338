"""A part of the pool, for those of whom there may be very many at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rtmanager.adapters.postgres.pool import CHECKOUT_SECONDS, Connection, Connections
from rtmanager.domain.errors import ServiceUnavailable

TOO_MANY = "too many requests read from Postgres at once; send this one again later"


class PoolPart(Connections):
    """Some of a pool's connections: however many want one, the others are left to the rest.

    A part may itself have parts.
    """

    def __init__(
        self, pool: Connections, size: int, *, checkout_timeout: float = CHECKOUT_SECONDS
    ) -> None:
        self._pool = pool
        self._places = asyncio.Semaphore(size)
        self._checkout_timeout = checkout_timeout

    @asynccontextmanager
    async def connection(self, *, within: float | None = None) -> AsyncIterator[Connection]:
        """Lend a connection; after a while without a free one raise ServiceUnavailable."""
        try:
            async with asyncio.timeout(self._checkout_timeout):
                await self._places.acquire()
        except TimeoutError as error:
            raise ServiceUnavailable(TOO_MANY) from error
        try:
            async with self._pool.connection(within=within) as connection:
                yield connection
        finally:
            self._places.release()
