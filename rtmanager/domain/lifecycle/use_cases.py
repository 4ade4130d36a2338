"""The use cases put together: how the parts of the domain fit, whatever adapters they get."""

from dataclasses import dataclass
from typing import Self

from rtmanager.domain.lifecycle.carry_out import CarryOut
from rtmanager.domain.lifecycle.check_readiness import CheckReadiness
from rtmanager.domain.lifecycle.cleanup_container import CleanupContainer
from rtmanager.domain.lifecycle.container_actions import ContainerActions
from rtmanager.domain.lifecycle.engine_policy import EnginePolicy
from rtmanager.domain.lifecycle.health_gate import Gate, HealthGate
from rtmanager.domain.lifecycle.in_flight import InFlight
from rtmanager.domain.lifecycle.obtain_image import ObtainImage
from rtmanager.domain.lifecycle.operation_protocol import OperationProtocol
from rtmanager.domain.lifecycle.patch_runtime import PatchRuntime
from rtmanager.domain.lifecycle.read_runtimes import ReadRuntimes
from rtmanager.domain.lifecycle.recovery import Recovery
from rtmanager.domain.lifecycle.replace_container import ReplaceContainer
from rtmanager.domain.lifecycle.restart_runtime import RestartRuntime
from rtmanager.domain.lifecycle.settle_operation import SettleOperation
from rtmanager.domain.lifecycle.start_runtime import StartRuntime
from rtmanager.domain.lifecycle.stop_runtime import StopRuntime
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_engine import ContainerEngine
from rtmanager.domain.ports.engine_probe import EngineProbe
from rtmanager.domain.ports.game_lease import GameLeases
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.ports.state_directories import StateDirectories

PATCHED_STAYS_UP = 2.0
"""Seconds that a patched engine must still be fine after its first healthy answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside world, one adapter per port."""

    records: RuntimeRecords
    journal: OperationJournal
    leases: GameLeases
    engine: ContainerEngine
    probe: EngineProbe
    directories: StateDirectories
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Everything that callers can ask for, and what keeps it safe."""

    start: StartRuntime
    stop: StopRuntime
    restart: RestartRuntime
    patch: PatchRuntime
    cleanup: CleanupContainer
    read: ReadRuntimes
    readiness: CheckReadiness
    protocol: OperationProtocol
    replace: ReplaceContainer

    @classmethod
    def assemble(cls, ports: Ports, policy: EnginePolicy) -> Self:
        """Fit the use cases onto their ports."""
        actions = ContainerActions(ports.engine)
        images = ObtainImage(ports.engine, policy)
        replace = ReplaceContainer(
            engine=ports.engine,
            actions=actions,
            gate=HealthGate(ports.engine, ports.probe, ports.clock),
            directories=ports.directories,
            policy=policy,
        )
        protocol = _protocol(ports, replace, actions, policy)
        start_gate = Gate(policy.start_gate_timeout)
        return cls(
            start=StartRuntime(protocol, images, replace, start_gate),
            stop=StopRuntime(protocol, actions, policy.stop_timeout),
            restart=RestartRuntime(protocol, images, replace, start_gate),
            patch=PatchRuntime(
                protocol,
                images,
                replace,
                ports.engine,
                ports.probe,
                _patch_gate(policy),
                start_gate,
            ),
            cleanup=CleanupContainer(protocol, ports.engine),
            read=ReadRuntimes(ports.records),
            readiness=CheckReadiness(
                ports.records, ports.leases, ports.engine, policy.docker_network
            ),
            protocol=protocol,
            replace=replace,
        )


def _protocol(
    ports: Ports, replace: ReplaceContainer, actions: ContainerActions, policy: EnginePolicy
) -> OperationProtocol:
    recovery = Recovery(ports.engine, actions)
    return OperationProtocol(
        leases=ports.leases,
        records=ports.records,
        journal=ports.journal,
        engine=ports.engine,
        settlement=SettleOperation(
            records=ports.records,
            journal=ports.journal,
            engine=ports.engine,
            replace=replace,
            recovery=recovery,
            clock=ports.clock,
        ),
        carry_out=CarryOut(ports.journal, ports.engine, recovery),
        clock=ports.clock,
        in_flight=InFlight(),
        lease_wait=policy.lease_wait,
    )


def _patch_gate(policy: EnginePolicy) -> Gate | None:
    if not policy.patch_gate_timeout:
        return None
    return Gate(policy.patch_gate_timeout, must_answer=True, stays_up=PATCHED_STAYS_UP)
