"""All use cases that callers reach, assembled once."""

from dataclasses import dataclass

from rtmanager.domain.lifecycle.check_readiness import CheckReadiness
from rtmanager.domain.lifecycle.cleanup_container import CleanupContainer
from rtmanager.domain.lifecycle.patch_runtime import PatchRuntime
from rtmanager.domain.lifecycle.read_runtimes import ReadRuntimes
from rtmanager.domain.lifecycle.restart_runtime import RestartRuntime
from rtmanager.domain.lifecycle.start_runtime import StartRuntime
from rtmanager.domain.lifecycle.stop_runtime import StopRuntime


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """What the handlers call."""

    start: StartRuntime
    stop: StopRuntime
    restart: RestartRuntime
    patch: PatchRuntime
    cleanup: CleanupContainer
    read: ReadRuntimes
    readiness: CheckReadiness
