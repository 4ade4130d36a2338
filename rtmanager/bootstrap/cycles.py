"""The cycles that workers run, assembled on any adapters."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from rtmanager.bootstrap.use_cases import Ports, UseCases
from rtmanager.domain.insight.prune_events import PruneEvents
from rtmanager.domain.messaging.handle_job import HandleJob
from rtmanager.domain.messaging.relay_outbox import RelayOutbox
from rtmanager.domain.monitoring.inspect_containers import InspectContainers
from rtmanager.domain.monitoring.measure_disk_use import MeasureDiskUse
from rtmanager.domain.monitoring.probe_engines import ProbeEngines
from rtmanager.domain.monitoring.running_engines import RunningEngines
from rtmanager.domain.nodes.drain_nodes import DrainNodes
from rtmanager.domain.nodes.fence_nodes import FenceNodes
from rtmanager.domain.nodes.move_lost_games import MoveLostGames
from rtmanager.domain.nodes.placed_games import PlacedGames
from rtmanager.domain.nodes.watch_nodes import WatchNodes
from rtmanager.domain.ports.container_events import ContainerEvents
from rtmanager.domain.ports.fencing import Fencing
from rtmanager.domain.ports.health_log import HealthLog
from rtmanager.domain.ports.job_stream import JobStream
from rtmanager.domain.ports.outbox import MessagePublisher, Outbox
from rtmanager.domain.reconciliation.backoff import Backoff
from rtmanager.domain.reconciliation.check_host import CheckHost
from rtmanager.domain.reconciliation.drift import GRACE
from rtmanager.domain.reconciliation.expire_containers import ExpireContainers
from rtmanager.domain.reconciliation.prune_operation_log import PruneOperationLog
from rtmanager.domain.reconciliation.reconcile_and_note import ReconcileAndNote
from rtmanager.domain.reconciliation.reconcile_game import ReconcileGame
from rtmanager.domain.reconciliation.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.reconciliation.record_docker_event import RecordDockerEvent
from rtmanager.domain.reconciliation.resume_handed_over import ResumeHandedOver


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclePorts:
    """The ports that the cycles need besides those of the operations."""

    health: HealthLog
    events: ContainerEvents
    jobs: JobStream
    outbox: Outbox
    publisher: MessagePublisher
    fencing: Fencing


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclePolicy:
    """The operator's settings for monitoring, reconciliation and messages."""

    probe_threshold: int
    retention: timedelta
    disk_limit: int
    moves_at_once: int = 8
    keep_operations: timedelta = timedelta(days=365)
    keep_sent: timedelta = timedelta(hours=24)
    grace: float = GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """Everything that the service does on its own."""

    probe: ProbeEngines
    inspect: InspectContainers
    measure_disk_use: MeasureDiskUse
    check_host: CheckHost
    reconcile: ReconcileRuntimes
    resume_handed_over: ResumeHandedOver
    expire: ExpireContainers
    record_event: RecordDockerEvent
    handle_job: HandleJob
    relay: RelayOutbox
    prune_log: PruneOperationLog
    prune_events: PruneEvents
    watch_nodes: WatchNodes
    fence_nodes: FenceNodes
    move_lost_games: MoveLostGames
    drain_nodes: DrainNodes
    ports: Ports
    jobs: JobStream

    @classmethod
    def assemble(
        cls, ports: Ports, more: CyclePorts, use_cases: UseCases, policy: CyclePolicy
    ) -> Self:
        """Assemble the cycles from their ports and the use cases."""
        operations, health, installation = use_cases.operations, more.health, ports.installation
        reconcile_game = ReconcileGame(
            operations, ports.host, installation, Backoff(ports.clock), policy.grace
        )
        engines = RunningEngines(ports.records, ports.host, health)
        placed, threshold = PlacedGames(ports.host, installation), policy.probe_threshold
        return cls(
            probe=ProbeEngines(engines, ports.probe, health, ports.clock, threshold),
            inspect=InspectContainers(engines, ports.host, health, ports.clock),
            measure_disk_use=MeasureDiskUse(
                engines, ports.host, ports.directories, policy.disk_limit
            ),
            check_host=CheckHost(ports.host, ports.journal, installation),
            reconcile=ReconcileRuntimes(operations, reconcile_game),
            resume_handed_over=ResumeHandedOver(operations, ports.host),
            expire=ExpireContainers(operations, policy.retention),
            record_event=RecordDockerEvent(
                reconcile_game, operations.lease_wait, use_cases.ends, use_cases.last
            ),
            handle_job=HandleJob(more.jobs, operations),
            relay=RelayOutbox(more.outbox, more.publisher, ports.clock, policy.keep_sent),
            prune_log=PruneOperationLog(
                ports.journal, more.jobs, ports.clock, policy.keep_operations
            ),
            prune_events=PruneEvents(ports.events, ports.clock),
            watch_nodes=WatchNodes(
                nodes=ports.nodes,
                placed=placed,
                reconcile=replace(reconcile_game, grace=0.0),
                clock=ports.clock,
                at_once=policy.moves_at_once,
            ),
            fence_nodes=FenceNodes(
                nodes=ports.nodes, placed=placed, fencing=more.fencing, clock=ports.clock
            ),
            move_lost_games=MoveLostGames(
                nodes=ports.nodes,
                placed=placed,
                reconcile=reconcile_game,
                at_once=policy.moves_at_once,
            ),
            drain_nodes=DrainNodes(
                nodes=ports.nodes,
                placed=placed,
                operations=operations,
                at_once=policy.moves_at_once,
            ),
            ports=ports,
            jobs=more.jobs,
        )

    async def reconcile_sentence(self) -> str:
        """Reconcile all games, tell operators, and return a sentence on what was done."""
        return await ReconcileAndNote(self.reconcile, self.ports.drift_log).run()

    async def trim_jobs(self) -> str:
        """Drop finished jobs from streams that are too long; return a sentence on what was done."""
        dropped = await self.jobs.trim()
        return f"{dropped} finished jobs trimmed" if dropped else ""

    async def jobs_can_run(self) -> None:
        """Raise while a dependency of jobs is unavailable, so that they wait in their streams."""
        await self.ports.records.ping()
        await self.ports.host.ping()
