"""The clients of Postgres, Redis, Docker and the engines: built without I/O, opened in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from rtmanager.adapters.engine_http import HttpEngineProbe
from rtmanager.adapters.filesystem import FilesystemStateDirectories
from rtmanager.adapters.postgres.migrate import installation_id, migrate
from rtmanager.adapters.postgres.other_platform import ID_LENGTHS, running_elsewhere
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.pool_part import PoolPart
from rtmanager.adapters.postgres.state_token import PostgresStateToken
from rtmanager.adapters.redis.client import RedisClient, RedisLogin, RedisTls
from rtmanager.adapters.redis.game_lease import RedisGameLeases
from rtmanager.bootstrap.advice import (
    STATE_ADVICE,
    postgres_advice,
    redis_advice,
)
from rtmanager.bootstrap.platforms import Platform, platform
from rtmanager.bootstrap.service import Dependency, StartupError
from rtmanager.bootstrap.transport import Transport
from rtmanager.config import Settings
from rtmanager.config.postgres_dsn import with_password
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.installation import Installation

LIST_WAIT = 5.0
"""Seconds for which a list may wait for those before it."""
SINGLES = 2
"""Connections for reads of single records, which never wait for others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The clients of all dependencies, and how each is opened and closed."""

    dsn: str = field(repr=False)
    transport: Transport
    installation: Installation
    pool: PostgresPool
    readers: PoolPart
    lists: PoolPart
    singles: PostgresPool
    redis: RedisClient
    leases: RedisGameLeases
    platform: Platform
    probe: HttpEngineProbe
    directories: FilesystemStateDirectories

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Build all clients; nothing is opened."""
        dsn = postgres_dsn(settings)
        redis = redis_client(settings)
        installation = Installation(settings.docker_network)
        pool = PostgresPool(dsn, size=settings.postgres_pool_size)
        readers = PoolPart(pool, max(1, settings.postgres_pool_size // 2))
        return cls(
            dsn=dsn,
            transport=_transport(settings),
            installation=installation,
            pool=pool,
            readers=readers,
            singles=pool.beside(SINGLES),
            lists=_lists(readers, settings),
            redis=redis,
            leases=RedisGameLeases(redis, installation, ttl=settings.game_lease_ttl_seconds),
            platform=platform(settings),
            probe=HttpEngineProbe(timeout=settings.probe_timeout),
            directories=_directories(settings, pool),
        )

    @property
    def dependencies(self) -> Sequence[Dependency]:
        """The dependencies in opening order: the first fault reported is the first to fix."""
        return [
            Dependency(self._open_postgres, self.pool.close, postgres_advice),
            Dependency(self._open_redis, self._close_redis, self._redis_advice),
            Dependency(self.platform.open, self.platform.close, self.platform.advice),
            Dependency(self.directories.open, self.directories.close, STATE_ADVICE),
        ]

    async def _open_postgres(self) -> None:
        await migrate(self.dsn)
        await self.pool.open()
        await self.pool.ping()
        self.installation.identify(await installation_id(self.pool))
        await self._check_platform()

    async def _check_platform(self) -> None:
        """Raise while games run on the other platform, which does not show their engines here.

        They would be taken for gone, and started a second time.
        """
        games = await running_elsewhere(self.pool, self.platform.name)
        if games:
            other = next(each for each in ID_LENGTHS if each != self.platform.name)
            raise StartupError(
                f"RTMANAGER_PLATFORM is {self.platform.name}, but games run on the other platform: "
                f"{', '.join(games)} ...; stop all games with RTMANAGER_PLATFORM={other} first"
            )

    async def _open_redis(self) -> None:
        self.transport.warn()
        await self.redis.ping()

    def _redis_advice(self, error: RuntimeManagerError) -> str:
        return redis_advice(error, is_encrypted=self.redis.is_encrypted)

    async def _close_redis(self) -> None:
        await self.leases.close()
        await self.redis.close()


def postgres_dsn(settings: Settings) -> str:
    """Return the DSN for libpq, including the password, wherever that is set."""
    return with_password(settings.postgres_primary_dsn, settings.postgres_password)


def redis_client(settings: Settings) -> RedisClient:
    """Return a client of Redis; nothing is opened."""
    address, password = settings.redis_master_addr, settings.redis_password
    secret = password.get_secret_value() if password else None
    login = RedisLogin(settings.redis_username, secret)
    return RedisClient(address.host, address.port, login=login, tls=_redis_tls(settings))


def _redis_tls(settings: Settings) -> RedisTls | None:
    if not settings.redis_tls:
        return None
    return RedisTls(
        ca_file=_text(settings.redis_tls_ca_file),
        cert_file=_text(settings.redis_tls_cert_file),
        key_file=_text(settings.redis_tls_key_file),
    )


def _transport(settings: Settings) -> Transport:
    certificates = settings.docker_cert_path
    keys = (settings.redis_tls_key_file, certificates / "key.pem" if certificates else None)
    return Transport(
        docker_host=settings.docker_host,
        is_docker_verified=certificates is not None,
        private_keys=[key for key in keys if key is not None],
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _directories(settings: Settings, pool: PostgresPool) -> FilesystemStateDirectories:
    """Return the state directories; those of a Swarm's engines are on storage of all nodes."""
    return FilesystemStateDirectories(
        str(settings.game_state_root),
        mode=settings.game_state_dir_mode,
        token=PostgresStateToken(pool) if settings.platform == "swarm" else None,
    )


def _lists(readers: PoolPart, settings: Settings) -> PoolPart:
    """Return the part for long lists: reading one takes much longer than reading a record."""
    return PoolPart(readers, max(1, settings.postgres_pool_size // 5), checkout_timeout=LIST_WAIT)
