"""Containers that a committed outcome has made superfluous."""

import logging

from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.lifecycle.operation_line import facts
from rtmanager.domain.lifecycle.operation_run import OperationRun
from rtmanager.domain.ports.container_engine import ContainerEngine, EngineRefused

logger = logging.getLogger(__name__)


async def remove_leftovers(engine: ContainerEngine, run: OperationRun) -> None:
    """Remove the run's leftovers; what resists is the reconciler's, and no failure of the run."""
    for leftover in run.leftovers:
        try:
            await engine.remove(leftover)
        except (DockerUnavailable, EngineRefused) as trouble:
            extra = facts(run.operation.request) | {"container_id": leftover}
            logger.warning("leftover not removed: %s", trouble.message, extra=extra)
