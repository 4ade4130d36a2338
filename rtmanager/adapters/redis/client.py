"""The connections to Redis."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import RedisSSLContext, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from rtmanager.adapters.redis.errors import RedisFault, UnusableFile, redis_errors
from rtmanager.adapters.redis.short_replies import ShortReplies

ANSWER_SECONDS = 2.0
MAX_COMMANDS = 50
MAX_WAITS = 4
"""One reader waits at a time; more only while one that was cut off is cleared away."""
MAX_CONNECTIONS = MAX_COMMANDS + MAX_WAITS


@dataclass(frozen=True)
class RedisTls:
    """Encrypted connections: who may have signed the server's certificate, and what is ours.

    Without `ca_file` the machine's certificate authorities count; with it no others do.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


@dataclass(frozen=True)
class RedisLogin:
    """A user of the server, by default its default user, and the password."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


NO_LOGIN = RedisLogin()


class RedisClient:
    """Two pools of connections, opened on demand. Close it at the end.

    `commands` is for what answers at once. `waits` is for commands that block until there is
    something, whatever that is: a long reply raises LongReplyError and drops its connection.
    """

    def __init__(
        self, host: str, port: int, *, login: RedisLogin = NO_LOGIN, tls: RedisTls | None = None
    ) -> None:
        server = _encryption(tls) | {
            "host": host,
            "port": port,
            "username": login.username,
            "password": login.password,
        }
        self.is_encrypted = tls is not None
        self.commands = _client(MAX_COMMANDS, **server)
        self.waits = _client(MAX_WAITS, **server, parser_class=ShortReplies)

    async def ping(self) -> None:
        """Raise ServiceUnavailable when Redis does not answer."""
        with redis_errors():
            await self.commands.ping()

    async def close(self) -> None:
        """Close every connection."""
        for each in (self.commands, self.waits):
            await each.aclose()
            await each.connection_pool.aclose()


def _client(max_connections: int, **server: Any) -> Redis:
    pool = BlockingConnectionPool(
        **server,
        max_connections=max_connections,
        timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        # The caller must find out whether an unanswered command took effect: on a retry, the
        # script that takes a lease would find its own token and report the lease as taken.
        retry=Retry(NoBackoff(), 0),
        # Supported by all servers since 6.2, including Valkey.
        protocol=2,
    )
    return Redis(connection_pool=pool)


def _encryption(tls: RedisTls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    files = {"ca_certs": tls.ca_file, "certfile": tls.cert_file, "keyfile": tls.key_file}
    return {"connection_class": _Encrypted} | {f"ssl_{name}": files[name] for name in files}


class _Encrypted(SSLConnection):
    """A connection that reads its certificates each time it connects: they may be renewed."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        given = self.ssl_context
        self.ssl_context = _Certificates(
            ca_certs=given.ca_certs, certfile=given.certfile, keyfile=given.keyfile
        )


class _Certificates(RedisSSLContext):
    def get(self) -> ssl.SSLContext:
        """Return what Python considers safe; redis-py's own trusts the machine's CAs as well."""
        with _used(RedisFault.CA_FILE, self.ca_certs):
            context = ssl.create_default_context(cafile=self.ca_certs)
        if self.certfile is not None:
            with _used(RedisFault.KEY_FILES, self.certfile, self.keyfile):
                # With a password nobody is asked for one on a terminal.
                context.load_cert_chain(self.certfile, self.keyfile, password="")
        return context


@contextmanager
def _used(fault: RedisFault, *files: str | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # which names no file
        named = " or ".join(filter(None, files)) or "the machine's certificates"
        raise UnusableFile(f"{named} cannot be used: {error.strerror or error}", fault) from error
