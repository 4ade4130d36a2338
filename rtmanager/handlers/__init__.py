"""The table of endpoints: which handler method answers which operationId.

Handlers do not depend on Connexion; `rtmanager.server.connexion_app` passes this table to it.
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
    """Return the endpoint of every operationId of `spec/internal-openapi.yaml`."""
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
