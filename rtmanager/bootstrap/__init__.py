"""The composition root: from settings to the assembled service; the only importer of adapters.

Assembling does no I/O; `Service.open` does.
"""

from collections.abc import Callable

from rtmanager.adapters.docker.events import DockerContainerEvents
from rtmanager.adapters.filesystem import FilesystemStateDirectories
from rtmanager.adapters.postgres.health_log import PostgresHealthLog
from rtmanager.adapters.postgres.leadership import PostgresLeadership
from rtmanager.adapters.postgres.migrate import MigrationReport
from rtmanager.adapters.postgres.migrate import migrate as migrate_schema
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.outbox import PostgresOutbox
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.adapters.redis.job_stream import RedisJobStream
from rtmanager.adapters.redis.message_publisher import RedisMessagePublisher
from rtmanager.adapters.redis.streams import StreamSchemas
from rtmanager.adapters.system_clock import SystemClock
from rtmanager.bootstrap.connections import POSTGRES_ADVICE, Connections
from rtmanager.bootstrap.policies import cycle_policy, engine_policy, stream_layout
from rtmanager.config import Settings
from rtmanager.domain.cycles import CyclePorts, Cycles
from rtmanager.domain.use_cases import Ports, UseCases
from rtmanager.service import Service, StartupError, or_startup_error
from rtmanager.workers.docker_event_watcher import DockerEventWatcher
from rtmanager.workers.job_consumer import JobConsumer
from rtmanager.workers.outbox_relay import OutboxRelay
from rtmanager.workers.schedule import schedule
from rtmanager.workers.supervisor import Supervisor

__all__ = ["Service", "StartupError", "assemble", "migrate"]


def _as_they_are(ports: Ports) -> Ports:
    return ports


def assemble(settings: Settings, *, wrap: Callable[[Ports], Ports] = _as_they_are) -> Service:
    """Build the service on its real adapters; nothing is opened yet.

    `wrap` may put something before the ports: tests watch and break what passes them.
    """
    connections = Connections.build(settings)
    ports = wrap(_ports(settings, connections))
    beyond = _cycle_ports(settings, connections)
    use_cases = UseCases.assemble(ports, engine_policy(settings))
    cycles = Cycles.assemble(ports, beyond, use_cases, cycle_policy(settings))
    return Service(
        settings=settings,
        neighbours=connections.neighbours,
        use_cases=use_cases,
        cycles=cycles,
        relay=OutboxRelay(cycles.relay, beyond.outbox, ports.clock),
        supervisor=_supervisor(settings, connections, ports, beyond, cycles),
    )


async def migrate(settings: Settings) -> MigrationReport:
    """Bring the database schema up to date; raises StartupError."""
    dsn = settings.postgres_primary_dsn.get_secret_value()
    return await or_startup_error(migrate_schema(dsn), POSTGRES_ADVICE)


def _ports(settings: Settings, connections: Connections) -> Ports:
    return Ports(
        records=PostgresRuntimeRecords(connections.pool),
        journal=PostgresOperationJournal(connections.pool),
        leases=connections.leases,
        host=connections.host,
        probe=connections.probe,
        directories=FilesystemStateDirectories(
            str(settings.game_state_root), mode=settings.game_state_dir_mode
        ),
        clock=SystemClock(),
        installation=connections.installation,
    )


def _cycle_ports(settings: Settings, connections: Connections) -> CyclePorts:
    schemas, layout = StreamSchemas.load(), stream_layout(settings)
    return CyclePorts(
        health=PostgresHealthLog(connections.pool),
        events=DockerContainerEvents(connections.docker),
        jobs=RedisJobStream(
            connections.redis, schemas, layout, group=settings.redis_consumer_group
        ),
        outbox=PostgresOutbox(connections.pool, connections.dsn),
        publisher=RedisMessagePublisher(
            connections.redis, connections.installation, schemas, layout
        ),
    )


def _supervisor(
    settings: Settings,
    connections: Connections,
    ports: Ports,
    beyond: CyclePorts,
    cycles: Cycles,
) -> Supervisor:
    watcher = DockerEventWatcher(
        beyond.events, cycles.record_event, cycles.reconcile_sentence, ports.clock
    )
    consumer = JobConsumer(
        beyond.jobs, cycles.handle_job, cycles.jobs_can_run, ports.clock, settings.job_concurrency
    )
    return Supervisor(
        leadership=PostgresLeadership(connections.dsn),
        workers=[watcher, consumer, *schedule(cycles, settings, ports.clock)],
        clock=ports.clock,
    )
