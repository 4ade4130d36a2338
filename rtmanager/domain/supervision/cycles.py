"""The cycles of supervision and of the streams put together, whatever adapters they get."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from rtmanager.domain.lifecycle.use_cases import Ports, UseCases
from rtmanager.domain.ports.container_events import ContainerEvents
from rtmanager.domain.ports.health_log import HealthLog
from rtmanager.domain.ports.job_stream import JobStream
from rtmanager.domain.ports.outbox import MessagePublisher, Outbox
from rtmanager.domain.supervision.expire_containers import ExpireContainers
from rtmanager.domain.supervision.handle_job import HandleJob
from rtmanager.domain.supervision.heal_game import HealGame
from rtmanager.domain.supervision.inspect_containers import InspectContainers
from rtmanager.domain.supervision.probe_engines import ProbeEngines
from rtmanager.domain.supervision.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.supervision.record_docker_event import RecordDockerEvent
from rtmanager.domain.supervision.relay_outbox import RelayOutbox
from rtmanager.domain.supervision.running_engines import RunningEngines

GRACE = 60.0
"""Seconds for which a container that belongs to no operation is left alone after its creation."""

JOB_LEASE_WAIT = 300.0
"""Seconds that a job waits for other operations on its game: nobody waits for its reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionPorts:
    """The outside world as supervision sees it beyond the ports of the operations."""

    health: HealthLog
    events: ContainerEvents
    jobs: JobStream
    outbox: Outbox
    publisher: MessagePublisher


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionPolicy:
    """What the operator decided about supervision."""

    probe_threshold: int
    retention: timedelta
    keep_sent: timedelta = timedelta(hours=24)
    grace: float = GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """Everything that the service does by itself."""

    probe: ProbeEngines
    inspect: InspectContainers
    reconcile: ReconcileRuntimes
    expire: ExpireContainers
    record_event: RecordDockerEvent
    handle_job: HandleJob
    relay: RelayOutbox
    ports: Ports
    jobs: JobStream

    @classmethod
    def assemble(
        cls,
        ports: Ports,
        watched: SupervisionPorts,
        use_cases: UseCases,
        policy: SupervisionPolicy,
    ) -> Self:
        """Fit the cycles onto their ports and the use cases."""
        protocol, health = use_cases.protocol, watched.health
        heal = HealGame(protocol, use_cases.replace, policy.grace)
        engines = RunningEngines(ports.records, ports.engine, health)
        threshold = policy.probe_threshold
        return cls(
            probe=ProbeEngines(engines, ports.probe, health, ports.clock, threshold),
            inspect=InspectContainers(engines, ports.engine, health, ports.clock),
            reconcile=ReconcileRuntimes(protocol, heal),
            expire=ExpireContainers(protocol, use_cases.cleanup, policy.retention),
            record_event=RecordDockerEvent(heal, protocol.lease_wait),
            handle_job=_handle_job(ports, watched.jobs, use_cases, heal),
            relay=RelayOutbox(watched.outbox, watched.publisher, ports.clock, policy.keep_sent),
            ports=ports,
            jobs=watched.jobs,
        )

    async def reconcile_sentence(self) -> str:
        """Reconcile all games and say what was done."""
        return (await self.reconcile.run()).sentence

    async def trim_jobs(self) -> str:
        """Drop finished jobs from streams that have grown too long and say how many."""
        dropped = await self.jobs.trim()
        return f"{dropped} finished jobs trimmed" if dropped else ""

    async def jobs_can_run(self) -> None:
        """Raise while something that jobs need is away: they wait in their streams meanwhile."""
        await self.ports.records.ping()
        await self.ports.engine.ping()


def _handle_job(ports: Ports, jobs: JobStream, use_cases: UseCases, heal: HealGame) -> HandleJob:
    patient = replace(use_cases.protocol, lease_wait=JOB_LEASE_WAIT)
    return HandleJob(
        jobs=jobs,
        start=replace(use_cases.start, protocol=patient),
        stop=replace(use_cases.stop, protocol=patient),
        journal=ports.journal,
        heal=heal,
        clock=ports.clock,
    )
