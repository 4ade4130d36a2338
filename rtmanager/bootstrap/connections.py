"""The clients of Postgres, Redis, Docker and the engines: built without I/O, opened in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.host import DockerContainerHost
from rtmanager.adapters.engine_http import HttpEngineProbe
from rtmanager.adapters.postgres.migrate import installation_id, migrate
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.game_lease import RedisGameLeases
from rtmanager.bootstrap.service import Dependency, StartupError
from rtmanager.config import Settings
from rtmanager.domain.installation import Installation

POSTGRES_ADVICE = "check RTMANAGER_POSTGRES_PRIMARY_DSN and that Postgres runs"
REDIS_ADVICE = "check RTMANAGER_REDIS_MASTER_ADDR and that Redis runs"
DOCKER_ADVICE = "check RTMANAGER_DOCKER_HOST and that the Docker daemon runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The clients of all dependencies, and how each is opened and closed."""

    dsn: str
    installation: Installation
    pool: PostgresPool
    redis: RedisClient
    leases: RedisGameLeases
    docker: DockerClient
    host: DockerContainerHost
    probe: HttpEngineProbe

    @classmethod
    def build(cls, settings: Settings) -> Self:
        """Build all clients; nothing is opened."""
        dsn = settings.postgres_primary_dsn.get_secret_value()
        redis, docker = _redis(settings), _docker(settings)
        installation = Installation(settings.docker_network)
        return cls(
            dsn=dsn,
            installation=installation,
            pool=PostgresPool(dsn, size=settings.postgres_pool_size),
            redis=redis,
            leases=RedisGameLeases(redis, installation, ttl=settings.game_lease_ttl_seconds),
            docker=docker,
            host=_host(settings, docker),
            probe=HttpEngineProbe(timeout=settings.probe_timeout),
        )

    @property
    def dependencies(self) -> Sequence[Dependency]:
        """The dependencies in opening order: the first fault reported is the first to fix."""
        return [
            Dependency(self._open_postgres, self.pool.close, POSTGRES_ADVICE),
            Dependency(self.redis.ping, self._close_redis, REDIS_ADVICE),
            Dependency(self._open_docker, self._close_docker, DOCKER_ADVICE),
        ]

    async def _open_postgres(self) -> None:
        await migrate(self.dsn)
        await self.pool.open()
        await self.pool.ping()
        self.installation.identify(await installation_id(self.pool))

    async def _close_redis(self) -> None:
        await self.leases.close()
        await self.redis.close()

    async def _open_docker(self) -> None:
        await self.host.ping()
        network = self.installation.network
        if not await self.host.network_exists():
            raise StartupError(
                f"the Docker network {network} does not exist; make it with "
                f"`docker network create {network}` or set RTMANAGER_DOCKER_NETWORK"
            )

    async def _close_docker(self) -> None:
        await self.host.aclose()


def _redis(settings: Settings) -> RedisClient:
    address, password = settings.redis_master_addr, settings.redis_password
    return RedisClient(
        address.host, address.port, password=password.get_secret_value() if password else None
    )


def _docker(settings: Settings) -> DockerClient:
    return DockerClient(
        settings.docker_host,
        timeout=settings.docker_timeout,
        pull_stall=settings.pull_stall_timeout,
    )


def _host(settings: Settings, docker: DockerClient) -> DockerContainerHost:
    config_file = settings.docker_config_file
    return DockerContainerHost(
        docker,
        network=settings.docker_network,
        start_concurrency=settings.docker_start_concurrency,
        docker_config_file=str(config_file) if config_file else None,
    )
