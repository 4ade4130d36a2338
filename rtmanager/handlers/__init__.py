"""The table of endpoints: which handler method answers which operationId.

Handlers do not depend on Connexion; `rtmanager.server.connexion_app` passes this table to it.
"""

from collections.abc import Mapping

from rtmanager.handlers.endpoint import Handler
from rtmanager.handlers.operator.games import Games
from rtmanager.handlers.operator.nodes import Nodes
from rtmanager.handlers.operator.operations import OperationLog
from rtmanager.handlers.operator.overview import Overview
from rtmanager.handlers.operator.service import ServiceState
from rtmanager.handlers.runtimes import Probes, Runtimes


def internal_endpoints(*, runtimes: Runtimes, probes: Probes) -> Mapping[str, Handler]:
    """Return the endpoint of every operationId of `spec/internal-openapi.yaml`."""
    return {
        "internalHealthz": probes.healthz,
        "internalReadyz": probes.readyz,
        "internalListRuntimes": runtimes.list,
        "internalGetRuntime": runtimes.get,
        "internalStartRuntime": runtimes.start,
        "internalStopRuntime": runtimes.stop,
        "internalRestartRuntime": runtimes.restart,
        "internalPatchRuntime": runtimes.patch,
        "internalCleanupRuntimeContainer": runtimes.cleanup,
    }


def operator_endpoints(
    *,
    overview: Overview,
    games: Games,
    operations: OperationLog,
    service: ServiceState,
    nodes: Nodes,
) -> Mapping[str, Handler]:
    """Return the endpoint of every operationId of `spec/operator-openapi.yaml`."""
    return {
        "operatorListRuntimes": overview.list,
        "operatorExplainRuntime": games.explain,
        "operatorReadLogs": games.logs,
        "operatorGetHealth": games.get_health,
        "operatorListHealth": games.list_health,
        "operatorListOperations": operations.list,
        "operatorGetOperation": operations.get,
        "operatorStreamEvents": service.events,
        "operatorListDrift": service.drift,
        "operatorListWorkers": service.workers,
        "operatorListNodes": nodes.list,
        "operatorMarkNodeLost": nodes.lost,
        "operatorDrainNode": nodes.drain,
        "operatorActivateNode": nodes.activate,
    }
