"""The composition root: from settings to the assembled service; the only importer of adapters.

Assembling does no I/O. The neighbours are listed in the order in which they are opened, so that
the first fault that an operator reads is the one to mend first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.engine import DockerContainerEngine
from rtmanager.adapters.docker.events import DockerContainerEvents
from rtmanager.adapters.engine_http.engine_probe import HttpEngineProbe
from rtmanager.adapters.filesystem.state_directories import FilesystemStateDirectories
from rtmanager.adapters.postgres.health_log import PostgresHealthLog
from rtmanager.adapters.postgres.leadership import PostgresLeadership
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
from rtmanager.domain.lifecycle.engine_policy import EnginePolicy, PullPolicy
from rtmanager.domain.lifecycle.use_cases import Ports, UseCases
from rtmanager.domain.supervision.cycles import Cycles, SupervisionPolicy
from rtmanager.service import Neighbour, Service, StartupError, or_startup_error
from rtmanager.workers.docker_event_watcher import DockerEventWatcher
from rtmanager.workers.schedule import schedule
from rtmanager.workers.supervisor import Supervisor

__all__ = ["Service", "StartupError", "assemble", "engine_policy", "migrate"]

_POSTGRES = "check RTMANAGER_POSTGRES_PRIMARY_DSN and that Postgres runs"
_REDIS = "check RTMANAGER_REDIS_MASTER_ADDR and that Redis runs"
_DOCKER = "check RTMANAGER_DOCKER_HOST and that the Docker engine runs"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connections:
    """What has connections to be opened and closed."""

    settings: Settings
    pool: PostgresPool
    redis: RedisClient
    leases: RedisGameLeases
    docker: DockerClient
    engine: DockerContainerEngine
    probe: HttpEngineProbe

    async def open_postgres(self) -> None:
        await migrate_schema(_dsn(self.settings))
        await self.pool.open()
        await self.pool.ping()

    async def close_redis(self) -> None:
        await self.leases.close()
        await self.redis.close()

    async def open_docker(self) -> None:
        await self.engine.ping()
        network = self.settings.docker_network
        if not await self.engine.network_exists():
            raise StartupError(
                f"the Docker network {network} does not exist; make it with "
                f"`docker network create {network}` or set RTMANAGER_DOCKER_NETWORK"
            )

    async def close_docker(self) -> None:
        await self.probe.aclose()
        await self.engine.aclose()

    def neighbours(self) -> Sequence[Neighbour]:
        return [
            Neighbour(self.open_postgres, self.pool.close, _POSTGRES),
            Neighbour(self.redis.ping, self.close_redis, _REDIS),
            Neighbour(self.open_docker, self.close_docker, _DOCKER),
        ]


def _as_they_are(ports: Ports) -> Ports:
    return ports


def assemble(settings: Settings, *, wrap: Callable[[Ports], Ports] = _as_they_are) -> Service:
    """Build the service on its real adapters; nothing is opened yet.

    `wrap` may put something before the ports: tests watch and break what passes them.
    """
    connections = _connections(settings)
    ports = wrap(_ports(settings, connections))
    use_cases = UseCases.assemble(ports, engine_policy(settings))
    cycles = Cycles.assemble(
        ports, PostgresHealthLog(connections.pool), use_cases, supervision_policy(settings)
    )
    return Service(
        settings=settings,
        neighbours=connections.neighbours(),
        use_cases=use_cases,
        cycles=cycles,
        supervisor=_supervisor(settings, connections, cycles),
    )


async def migrate(settings: Settings) -> MigrationReport:
    """Bring the database schema up to date; raises StartupError."""
    return await or_startup_error(migrate_schema(_dsn(settings)), _POSTGRES)


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


def supervision_policy(settings: Settings) -> SupervisionPolicy:
    """Return what the settings say about supervision."""
    return SupervisionPolicy(
        probe_threshold=settings.probe_failures_threshold,
        retention=timedelta(days=settings.container_retention_days),
    )


def _dsn(settings: Settings) -> str:
    return settings.postgres_primary_dsn.get_secret_value()


def _connections(settings: Settings) -> _Connections:
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
    return _Connections(
        settings=settings,
        pool=PostgresPool(_dsn(settings), size=settings.postgres_pool_size),
        redis=redis,
        leases=RedisGameLeases(redis, ttl=settings.game_lease_ttl_seconds),
        docker=docker,
        engine=_engine(settings, docker),
        probe=HttpEngineProbe(timeout=settings.probe_timeout),
    )


def _engine(settings: Settings, docker: DockerClient) -> DockerContainerEngine:
    config_file = settings.docker_config_file
    return DockerContainerEngine(
        docker,
        network=settings.docker_network,
        start_concurrency=settings.docker_start_concurrency,
        docker_config_file=str(config_file) if config_file else None,
    )


def _ports(settings: Settings, connections: _Connections) -> Ports:
    return Ports(
        records=PostgresRuntimeRecords(connections.pool),
        journal=PostgresOperationJournal(connections.pool),
        leases=connections.leases,
        engine=connections.engine,
        probe=connections.probe,
        directories=FilesystemStateDirectories(
            str(settings.game_state_root), mode=settings.game_state_dir_mode
        ),
        clock=SystemClock(),
    )


def _supervisor(settings: Settings, connections: _Connections, cycles: Cycles) -> Supervisor:
    clock = SystemClock()
    watcher = DockerEventWatcher(
        events=DockerContainerEvents(connections.docker),
        record=cycles.record_event,
        catch_up=cycles.reconcile_sentence,
        clock=clock,
    )
    periodic = schedule(cycles, settings, clock)
    return Supervisor(
        leadership=PostgresLeadership(_dsn(settings)),
        workers=[(watcher.status.name, watcher.run), *((each.name, each.run) for each in periodic)],
        clock=clock,
    )
