"""The use cases, assembled on any adapters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rtmanager.domain.concurrency import InFlight
from rtmanager.domain.insight.container_ends import ContainerEnds
from rtmanager.domain.insight.event_feed import EventFeed
from rtmanager.domain.insight.explanation import ExplainRuntime
from rtmanager.domain.insight.health import ReadHealth
from rtmanager.domain.insight.operation_ends import OperationEnds
from rtmanager.domain.insight.read_drift import ReadDrift
from rtmanager.domain.insight.read_logs import ReadLogs
from rtmanager.domain.insight.read_operations import ReadOperations
from rtmanager.domain.insight.read_overview import ReadOverview
from rtmanager.domain.insight.read_workers import ReadWorkers
from rtmanager.domain.installation import Installation
from rtmanager.domain.monitoring.check_readiness import CheckReadiness
from rtmanager.domain.monitoring.engine_connections import EngineConnections
from rtmanager.domain.nodes.mark_nodes import MarkNodes
from rtmanager.domain.nodes.placed_games import PlacedGames
from rtmanager.domain.nodes.read_nodes import ReadNodes
from rtmanager.domain.operations.answering import Answering
from rtmanager.domain.operations.container_spec import EnginePolicy
from rtmanager.domain.operations.executor import Executor
from rtmanager.domain.operations.exit_reading import ReadExit
from rtmanager.domain.operations.health_gate import HealthGate
from rtmanager.domain.operations.interpreter import Interpreter
from rtmanager.domain.operations.last_observations import LastObservations
from rtmanager.domain.operations.observer import Observer
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.operations.prepare_checks import PrepareChecks
from rtmanager.domain.operations.read_runtimes import ReadRuntimes
from rtmanager.domain.operations.refusal_rate import RefusalRate
from rtmanager.domain.operations.refusals import Refusals
from rtmanager.domain.ports.backlogs import Backlogs
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_host import ContainerHost
from rtmanager.domain.ports.drift_log import DriftLog
from rtmanager.domain.ports.engine_health import EngineHealth
from rtmanager.domain.ports.engine_probe import EngineProbe
from rtmanager.domain.ports.game_lease import GameLeases
from rtmanager.domain.ports.operation_history import OperationHistory
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.operator_events import OperatorEvents
from rtmanager.domain.ports.replicas import Replicas
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.ports.state_directories import StateDirectories
from rtmanager.domain.ports.tracing import NO_TRACING, Tracing
from rtmanager.domain.reconciliation.drift import GRACE
from rtmanager.domain.reconciliation.observe_game import ObserveGame
from rtmanager.domain.reconciliation.survey_games import SurveyGames


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One adapter per port of what callers can request, and this process's installation."""

    records: RuntimeRecords
    journal: OperationJournal
    history: OperationHistory
    health: EngineHealth
    events: OperatorEvents
    drift_log: DriftLog
    replicas: Replicas
    backlogs: Sequence[Backlogs]
    leases: GameLeases
    host: ContainerHost
    nodes: ClusterNodes
    probe: EngineProbe
    directories: StateDirectories
    clock: Clock
    installation: Installation
    tracing: Tracing = NO_TRACING


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Everything that callers can request."""

    operations: Operations
    read: ReadRuntimes
    health: ReadHealth
    overview: ReadOverview
    log: ReadOperations
    read_logs: ReadLogs
    explain: ExplainRuntime
    readiness: CheckReadiness
    connections: EngineConnections
    ends: ContainerEnds
    last: LastObservations
    feed: EventFeed
    drift: ReadDrift
    workers: ReadWorkers
    nodes: ReadNodes
    mark_nodes: MarkNodes

    def release(self) -> None:
        """Let nobody wait any more for what happens: the listener is about to end."""
        self.log.release()
        self.read_logs.release()
        self.feed.close()

    @classmethod
    def assemble(cls, ports: Ports, policy: EnginePolicy, reading: Ports | None = None) -> Self:
        """Assemble the use cases from their ports; those that only read may have others."""
        seen = reading or ports
        health = ReadHealth(seen.records, seen.health)
        ends, last = ContainerEnds(), LastObservations()
        readiness = CheckReadiness(
            ports.records, ports.leases, ports.host, policy.docker_network, ports.clock
        )
        operations = _operations(ports, policy, ends, last)
        return cls(
            operations=operations,
            read=ReadRuntimes(seen.records),
            health=health,
            overview=ReadOverview(seen.records, seen.history, health),
            log=ReadOperations(seen.history, OperationEnds(ports.history, ports.clock)),
            read_logs=ReadLogs(
                seen.records,
                ports.host,
                ports.installation,
                ports.clock,
            ),
            explain=ExplainRuntime(
                ObserveGame(seen.records, seen.journal, seen.host, seen.installation),
                seen.history,
                seen.health,
                ports.clock,
                GRACE,
            ),
            readiness=readiness,
            connections=EngineConnections(ports.host, policy.docker_network, ports.clock),
            ends=ends,
            last=last,
            feed=EventFeed(ports.events),
            drift=ReadDrift(
                SurveyGames(operations, ports.host, ports.installation), ports.drift_log
            ),
            workers=ReadWorkers(ports.replicas, ports.backlogs),
            nodes=ReadNodes(ports.nodes, PlacedGames(ports.host, ports.installation), seen.records),
            mark_nodes=MarkNodes(ports.nodes),
        )


def _operations(
    ports: Ports, policy: EnginePolicy, ends: ContainerEnds, last: LastObservations
) -> Operations:
    observer = Observer(ports.host, ports.installation, ports.clock)
    refusals = Refusals(ports.records, ports.journal, ports.clock, RefusalRate(ports.clock))
    return Operations(
        leases=ports.leases,
        records=ports.records,
        journal=ports.journal,
        answering=Answering(
            journal=ports.journal,
            prepare_checks=PrepareChecks(
                records=ports.records,
                observer=observer,
                probe=ports.probe,
                clock=ports.clock,
                allowed_images=policy.allowed_images,
                refusals=refusals,
                probes_before_patch=policy.patch_gate_timeout > 0,
            ),
            interpreter=_interpreter(ports, observer, policy, ends, last),
            clock=ports.clock,
            refusals=refusals,
            tracing=ports.tracing,
        ),
        clock=ports.clock,
        in_flight=InFlight(),
        refusals=refusals,
        lease_wait=policy.lease_wait,
    )


def _interpreter(
    ports: Ports,
    observer: Observer,
    policy: EnginePolicy,
    ends: ContainerEnds,
    last: LastObservations,
) -> Interpreter:
    return Interpreter(
        journal=ports.journal,
        host=ports.host,
        observer=observer,
        executor=Executor(
            host=ports.host,
            gate=HealthGate(ports.host, ports.probe, ports.clock),
            directories=ports.directories,
            installation=ports.installation,
            policy=policy,
            clock=ports.clock,
        ),
        read_exit=ReadExit(ports.host, ends, policy.stop_timeout),
        last=last,
        clock=ports.clock,
        tracing=ports.tracing,
    )
