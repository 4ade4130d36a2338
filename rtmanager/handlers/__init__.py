"""The endpoints table: which method of which handler answers which operationId.

Handlers know nothing of Connexion; `rtmanager.server.connexion_app` hands this table to it.
"""

from collections.abc import Mapping

from rtmanager.domain.monitoring.check_readiness import CheckReadiness
from rtmanager.domain.operations.operations import Operations
from rtmanager.domain.operations.read_runtimes import ReadRuntimes
from rtmanager.handlers.endpoint import Handler
from rtmanager.handlers.runtimes import Probes, Runtimes


def endpoints(
    *, operations: Operations, read: ReadRuntimes, readiness: CheckReadiness
) -> Mapping[str, Handler]:
    """Return the handler of every operation of `spec/internal-openapi.yaml`."""
    probes = Probes(readiness)
    runtimes = Runtimes(operations, read)
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
