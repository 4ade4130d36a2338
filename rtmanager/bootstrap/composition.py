"""The composition root: from settings to the assembled service.

Only this package imports adapters. Assembling does no I/O; `Service.open` does.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from secrets import token_hex
from socket import gethostname

from rtmanager import __version__
from rtmanager.adapters.fence_command import FenceCommand
from rtmanager.adapters.observed.calls import observed_calls
from rtmanager.adapters.observed.journal import observed_journal
from rtmanager.adapters.observed.ports import observed_health, observed_host, observed_leases
from rtmanager.adapters.observed.tracing import OtelTracing
from rtmanager.adapters.postgres.backlogs import PostgresBacklogs
from rtmanager.adapters.postgres.drift_log import PostgresDriftLog
from rtmanager.adapters.postgres.engine_health import PostgresEngineHealth
from rtmanager.adapters.postgres.figures import PostgresFigures
from rtmanager.adapters.postgres.health_log import PostgresHealthLog
from rtmanager.adapters.postgres.leadership import PostgresLeadership
from rtmanager.adapters.postgres.migrate import MigrationReport
from rtmanager.adapters.postgres.migrate import migrate as migrate_schema
from rtmanager.adapters.postgres.operation_history import PostgresOperationHistory
from rtmanager.adapters.postgres.operation_journal import PostgresOperationJournal
from rtmanager.adapters.postgres.operator_events import PostgresOperatorEvents
from rtmanager.adapters.postgres.outbox import PostgresOutbox
from rtmanager.adapters.postgres.replicas import PostgresReplicas
from rtmanager.adapters.postgres.runtime_records import PostgresRuntimeRecords
from rtmanager.adapters.redis.job_backlogs import RedisJobBacklogs
from rtmanager.adapters.redis.job_stream import RedisJobStream
from rtmanager.adapters.redis.message_publisher import RedisMessagePublisher
from rtmanager.adapters.redis.streams import StreamSchemas
from rtmanager.adapters.system_clock import SystemClock
from rtmanager.bootstrap.advice import postgres_advice
from rtmanager.bootstrap.connections import Connections, postgres_dsn
from rtmanager.bootstrap.cycles import CyclePorts, Cycles
from rtmanager.bootstrap.figures import FiguresReader
from rtmanager.bootstrap.observation import SelfObservation
from rtmanager.bootstrap.policies import cycle_policy, engine_policy, stream_layout
from rtmanager.bootstrap.service import Service, or_startup_error
from rtmanager.bootstrap.use_cases import Ports, UseCases
from rtmanager.bootstrap.workers import leader_workers
from rtmanager.config import Settings
from rtmanager.domain.ports.replicas import ReplicaState
from rtmanager.workers.event_reader import EventReader
from rtmanager.workers.leader import LeaderRunner
from rtmanager.workers.relay import OutboxRelay
from rtmanager.workers.replica_report import ReplicaReport
from rtmanager.workers.worker import WorkerStatus

POSTGRES, REDIS, DOCKER = "postgres", "redis", "docker"


def _as_they_are(ports: Ports) -> Ports:
    return ports


def assemble(settings: Settings, *, wrap: Callable[[Ports], Ports] = _as_they_are) -> Service:
    """Build the service on its real adapters; nothing is opened yet.

    With `wrap` tests put proxies in front of the ports, to observe calls and inject faults.
    """
    connections = Connections.build(settings)
    ports = wrap(_ports(settings, connections))
    cycle_ports = _cycle_ports(settings, connections)
    use_cases = UseCases.assemble(ports, engine_policy(settings), _for_readers(ports, connections))
    cycles = Cycles.assemble(ports, cycle_ports, use_cases, cycle_policy(settings))
    relay = OutboxRelay(cycles.relay, cycle_ports.outbox, ports.clock)
    reader = EventReader(use_cases.feed, ports.clock)
    leader = LeaderRunner(
        leadership=observed_calls(PostgresLeadership(connections.dsn), POSTGRES),
        workers=leader_workers(cycles, cycle_ports, settings, ports.clock),
        clock=ports.clock,
        # On a Swarm another replica may reach a manager when this one does not.
        ability=use_cases.readiness.require_docker if settings.platform == "swarm" else None,
    )
    everywhere = [leader.status, relay.status, relay.wakeup_status, reader.status]
    return Service(
        dependencies=connections.dependencies,
        use_cases=use_cases,
        cycles=cycles,
        relay=relay,
        leader=leader,
        others=[reader, _report(ports, leader, everywhere)],
        observing=SelfObservation(
            figures=_figures(connections, use_cases, ports),
            leader=leader,
            relay=relay,
            reconcile=cycles.reconcile,
            watch_nodes=cycles.watch_nodes,
            job_streams=stream_layout(settings).jobs,
            clock=ports.clock,
        ).running,
    )


def _report(
    ports: Ports, leader: LeaderRunner, everywhere: Sequence[WorkerStatus]
) -> ReplicaReport:
    host = gethostname()
    replica = ReplicaState(
        id=f"{host}-{token_hex(4)}", host=host, version=__version__, started_at=ports.clock.now()
    )
    statuses = [*(each.status for each in leader.workers), *everywhere]
    return ReplicaReport(ports.replicas, replica, statuses, leader.leadership, ports.clock)


async def migrate(settings: Settings) -> MigrationReport:
    """Bring the database schema up to date; raises StartupError."""
    return await or_startup_error(migrate_schema(postgres_dsn(settings)), postgres_advice)


def _ports(settings: Settings, connections: Connections) -> Ports:
    pool, redis, dsn = connections.pool, connections.redis, connections.dsn
    group = settings.redis_consumer_group
    return Ports(
        records=observed_calls(PostgresRuntimeRecords(pool), POSTGRES),
        journal=observed_journal(observed_calls(PostgresOperationJournal(pool), POSTGRES)),
        history=observed_calls(PostgresOperationHistory(pool), POSTGRES),
        health=observed_calls(PostgresEngineHealth(pool), POSTGRES),
        events=observed_calls(PostgresOperatorEvents(pool, dsn), POSTGRES),
        drift_log=observed_calls(PostgresDriftLog(pool), POSTGRES),
        replicas=observed_calls(PostgresReplicas(pool), POSTGRES),
        backlogs=[
            observed_calls(PostgresBacklogs(pool), POSTGRES),
            observed_calls(RedisJobBacklogs(redis, stream_layout(settings), group=group), REDIS),
        ],
        leases=observed_leases(observed_calls(connections.leases, REDIS)),
        host=observed_host(observed_calls(connections.platform.host, DOCKER)),
        nodes=observed_calls(connections.platform.nodes, DOCKER),
        probe=observed_calls(connections.probe, "engine"),
        directories=observed_calls(connections.directories, "filesystem"),
        clock=SystemClock(),
        installation=connections.installation,
        tracing=OtelTracing(),
    )


def _for_readers(ports: Ports, connections: Connections) -> Ports:
    """Return the ports for callers that only read: operations and workers never wait for them."""
    part = connections.readers
    return replace(
        ports,
        records=observed_calls(
            PostgresRuntimeRecords(part, singles=connections.singles, lists=connections.lists),
            POSTGRES,
        ),
        journal=observed_calls(PostgresOperationJournal(part), POSTGRES),
        history=observed_calls(PostgresOperationHistory(part), POSTGRES),
        health=observed_calls(PostgresEngineHealth(part), POSTGRES),
    )


def _cycle_ports(settings: Settings, connections: Connections) -> CyclePorts:
    schemas, layout = StreamSchemas.load(), stream_layout(settings)
    return CyclePorts(
        health=observed_health(observed_calls(PostgresHealthLog(connections.pool), POSTGRES)),
        events=observed_calls(connections.platform.events, DOCKER),
        jobs=observed_calls(
            RedisJobStream(connections.redis, schemas, layout, group=settings.redis_consumer_group),
            REDIS,
        ),
        outbox=observed_calls(PostgresOutbox(connections.pool, connections.dsn), POSTGRES),
        publisher=observed_calls(
            RedisMessagePublisher(connections.redis, connections.installation, schemas, layout),
            REDIS,
        ),
        fencing=FenceCommand(settings.fence_command, timeout=settings.fence_timeout),
    )


def _figures(connections: Connections, use_cases: UseCases, ports: Ports) -> FiguresReader:
    return FiguresReader(
        read_store=observed_calls(PostgresFigures(connections.pool), POSTGRES).read_figures,
        queues=ports.backlogs,
        readiness=use_cases.readiness,
        clock=ports.clock,
    )
