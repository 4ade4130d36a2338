"""The connections to Redis."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rtmanager.adapters.redis.errors import redis_errors

ANSWER_SECONDS = 2.0
MOST_CONNECTIONS = 50


class RedisClient:
    """Connections that are made when needed. Close it at the end."""

    def __init__(self, host: str, port: int, *, password: str | None = None) -> None:
        pool = BlockingConnectionPool(
            host=host,
            port=port,
            password=password,
            max_connections=MOST_CONNECTIONS,
            timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # Whether an unanswered command happened is for its sender to find out: a SET NX that
            # is repeated by the driver would find its own value and report that others hold it.
            retry=Retry(NoBackoff(), 0),
            # What every server since 6.2 speaks, Valkey included.
            protocol=2,
        )
        self.commands: Redis = Redis(connection_pool=pool)

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Redis does not answer."""
        with redis_errors():
            await self.commands.ping()

    async def close(self) -> None:
        """Close every connection."""
        await self.commands.aclose()
        await self.commands.connection_pool.aclose()
