"""The operations table: which method of which handler answers which operationId.

Handlers know nothing of Connexion; `rtmanager.http_app` hands this table to it.
"""

from collections.abc import Mapping

from rtmanager.domain.use_cases import UseCases
from rtmanager.handlers.operation import Handler
from rtmanager.handlers.probes import Probes
from rtmanager.handlers.runtimes import Runtimes


def operations(use_cases: UseCases) -> Mapping[str, Handler]:
    """Return the handler of every operation of `spec/internal-openapi.yaml`."""
    probes = Probes(use_cases.readiness)
    runtimes = Runtimes(use_cases.operations, use_cases.read)
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
