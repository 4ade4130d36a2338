"""The cycles of supervision put together, whatever adapters they get."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from rtmanager.domain.lifecycle.use_cases import Ports, UseCases
from rtmanager.domain.ports.health_log import HealthLog
from rtmanager.domain.supervision.expire_containers import ExpireContainers
from rtmanager.domain.supervision.heal_game import HealGame
from rtmanager.domain.supervision.inspect_containers import InspectContainers
from rtmanager.domain.supervision.probe_engines import ProbeEngines
from rtmanager.domain.supervision.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.supervision.record_docker_event import RecordDockerEvent
from rtmanager.domain.supervision.running_engines import RunningEngines

GRACE = 60.0
"""Seconds for which a container that belongs to no operation is left alone after its creation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionPolicy:
    """What the operator decided about supervision."""

    probe_threshold: int
    retention: timedelta
    grace: float = GRACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """Everything that the service does by itself."""

    probe: ProbeEngines
    inspect: InspectContainers
    reconcile: ReconcileRuntimes
    expire: ExpireContainers
    record_event: RecordDockerEvent

    @classmethod
    def assemble(
        cls, ports: Ports, health: HealthLog, use_cases: UseCases, policy: SupervisionPolicy
    ) -> Self:
        """Fit the cycles onto their ports and the use cases."""
        protocol = use_cases.protocol
        heal = HealGame(protocol, use_cases.replace, policy.grace)
        engines = RunningEngines(ports.records, ports.engine, health)
        return cls(
            probe=ProbeEngines(engines, ports.probe, health, ports.clock, policy.probe_threshold),
            inspect=InspectContainers(engines, ports.engine, health, ports.clock),
            reconcile=ReconcileRuntimes(protocol, heal),
            expire=ExpireContainers(protocol, use_cases.cleanup, policy.retention),
            record_event=RecordDockerEvent(heal, protocol.lease_wait),
        )

    async def reconcile_sentence(self) -> str:
        """Reconcile all games and say what was done."""
        return (await self.reconcile.run()).sentence
