"""The composition root: from settings to the assembled service; the only importer of adapters.

Assembling does no I/O. Opening does, in the order in which a fault is most useful to an operator,
and closing goes the other way.
"""

import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.engine import DockerContainerEngine
from rtmanager.adapters.engine_http.engine_probe import HttpEngineProbe
from rtmanager.adapters.filesystem.state_directories import FilesystemStateDirectories
from rtmanager.adapters.postgres.migrate import MigrationReport
from rtmanager.adapters.postgres.migrate import migrate as migrate_schema
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.adapters.redis.client import RedisClient
from rtmanager.adapters.redis.game_lease import RedisGameLeases
from rtmanager.adapters.system_clock import SystemClock
from rtmanager.config import Settings
from rtmanager.domain.container import ResourceLimits
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.lifecycle.engine_policy import EnginePolicy, PullPolicy
from rtmanager.domain.lifecycle.use_cases import Ports, UseCases

logger = logging.getLogger(__name__)

T = TypeVar("T")


class StartupError(Exception):
    """The service cannot start; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What has connections to be opened and closed."""

    pool: PostgresPool
    redis: RedisClient
    leases: RedisGameLeases
    engine: DockerContainerEngine
    probe: HttpEngineProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The assembled service. Its use cases work while it is open."""

    settings: Settings
    resources: Resources
    use_cases: UseCases

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect to everything, in order, for the block; then let operations end and close.

        Raises StartupError when something is missing.
        """
        async with AsyncExitStack() as stack:
            await self._open_postgres(stack)
            await self._open_redis(stack)
            await self._open_docker(stack)
            stack.push_async_callback(self._drain)
            yield

    async def _open_postgres(self, stack: AsyncExitStack) -> None:
        dsn = self.settings.postgres_primary_dsn.get_secret_value()
        advice = "check RTMANAGER_POSTGRES_PRIMARY_DSN and that Postgres runs"
        report = await _or_startup_error(migrate_schema(dsn), advice)
        logger.info("schema is up to date", extra={"version": report.to_version})
        stack.push_async_callback(self.resources.pool.close)
        await self.resources.pool.open()
        await _or_startup_error(self.resources.pool.ping(), advice)

    async def _open_redis(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self.resources.redis.close)
        stack.push_async_callback(self.resources.leases.close)
        advice = "check RTMANAGER_REDIS_MASTER_ADDR and that Redis runs"
        await _or_startup_error(self.resources.redis.ping(), advice)

    async def _open_docker(self, stack: AsyncExitStack) -> None:
        stack.push_async_callback(self.resources.engine.aclose)
        stack.push_async_callback(self.resources.probe.aclose)
        advice = "check RTMANAGER_DOCKER_HOST and that the Docker engine runs"
        await _or_startup_error(self.resources.engine.ping(), advice)
        network = self.settings.docker_network
        if not await _or_startup_error(self.resources.engine.network_exists(), advice):
            raise StartupError(
                f"the Docker network {network} does not exist; make it with "
                f"`docker network create {network}` or set RTMANAGER_DOCKER_NETWORK"
            )

    async def _drain(self) -> None:
        cut = await self.use_cases.protocol.in_flight.drain(self.settings.shutdown_timeout)
        if cut:
            logger.warning("operations cut off at shutdown, settled at the next start: %d", cut)


def assemble(settings: Settings) -> Service:
    """Build the service on its real adapters; nothing is opened yet."""
    resources = _resources(settings)
    ports = Ports(
        records=PostgresRuntimeRecords(resources.pool),
        journal=PostgresOperationJournal(resources.pool),
        leases=resources.leases,
        engine=resources.engine,
        probe=resources.probe,
        directories=FilesystemStateDirectories(
            str(settings.game_state_root), mode=settings.game_state_dir_mode
        ),
        clock=SystemClock(),
    )
    use_cases = UseCases.assemble(ports, engine_policy(settings))
    return Service(settings=settings, resources=resources, use_cases=use_cases)


async def migrate(settings: Settings) -> MigrationReport:
    """Bring the database schema up to date; raises StartupError."""
    return await _or_startup_error(
        migrate_schema(settings.postgres_primary_dsn.get_secret_value()),
        "check RTMANAGER_POSTGRES_PRIMARY_DSN and that Postgres runs",
    )


def engine_policy(settings: Settings) -> EnginePolicy:
    """Return what the settings say about engine containers."""
    owner = (settings.game_state_owner_uid, settings.game_state_owner_gid)
    return EnginePolicy(
        docker_network=settings.docker_network,
        mount_path=str(settings.engine_state_mount_path),
        state_env_name=settings.engine_state_env_name,
        default_limits=ResourceLimits(
            cpu_quota=float(settings.default_cpu_quota),
            memory_bytes=settings.default_memory,
            pids_limit=settings.default_pids_limit,
        ),
        read_only_root=settings.read_only_root_filesystem,
        state_owner=None if owner[0] is None or owner[1] is None else (owner[0], owner[1]),
        pull_policy=PullPolicy(settings.image_pull_policy),
        stop_timeout=settings.container_stop_timeout_seconds,
        start_gate_timeout=settings.start_gate_timeout,
        patch_gate_timeout=settings.patch_gate_timeout,
        lease_wait=settings.game_lease_wait,
    )


def _resources(settings: Settings) -> Resources:
    password = settings.redis_password
    redis = RedisClient(
        settings.redis_master_addr.host,
        settings.redis_master_addr.port,
        password=password.get_secret_value() if password else None,
    )
    docker = DockerClient(
        settings.docker_host,
        timeout=settings.docker_timeout,
        pull_stall=settings.pull_stall_timeout,
    )
    config_file = settings.docker_config_file
    return Resources(
        pool=PostgresPool(
            settings.postgres_primary_dsn.get_secret_value(), size=settings.postgres_pool_size
        ),
        redis=redis,
        leases=RedisGameLeases(redis, ttl=settings.game_lease_ttl_seconds),
        engine=DockerContainerEngine(
            docker,
            network=settings.docker_network,
            start_concurrency=settings.docker_start_concurrency,
            docker_config_file=str(config_file) if config_file else None,
        ),
        probe=HttpEngineProbe(timeout=settings.probe_timeout),
    )


async def _or_startup_error(work: Awaitable[T], advice: str) -> T:
    try:
        return await work
    except RuntimeManagerError as error:
        raise StartupError(f"{error.message}; {advice}") from error
