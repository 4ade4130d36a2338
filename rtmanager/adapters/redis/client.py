"""The connections to Redis."""

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rtmanager.adapters.redis.errors import redis_errors

ANSWER_SECONDS = 2.0
MAX_CONNECTIONS = 50


class RedisClient:
    """A pool of connections, opened on demand. Close it at the end."""

    def __init__(self, host: str, port: int, *, password: str | None = None) -> None:
        pool = BlockingConnectionPool(
            host=host,
            port=port,
            password=password,
            max_connections=MAX_CONNECTIONS,
            timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            # The caller must find out whether an unanswered command took effect: on a retry, the
            # script that takes a lease would find its own token and report the lease as taken.
            retry=Retry(NoBackoff(), 0),
            # Supported by all servers since 6.2, including Valkey.
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
