"""Reading how an engine ended, for the operation that noticed or caused it."""

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.insight.container_ends import ContainerEnds
from rtmanager.domain.insight.engine_exit import EngineExit, Missed
from rtmanager.domain.insight.exit_words import signal_of
from rtmanager.domain.operation import ActionName, Operation, OperationKind
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.ports.container_host import (
    ContainerHost,
    DockerUnavailable,
    HostRefused,
    HostSilent,
)
from rtmanager.domain.runtime import RuntimeStatus

logger = logging.getLogger(__name__)

LOG_TAIL_LINES = 20
KILL = "SIGKILL"


@dataclass(frozen=True, slots=True)
class ReadExit:
    """Reads the end of the engine that ran before an operation and does not run after it.

    Also of one whose container is gone, which only Docker's events have shown.

    Costs at most one call to Docker, for the last lines; without them all the rest is kept.
    `grace` is how many seconds our stop gives an engine.
    """

    host: ContainerHost
    ends: ContainerEnds
    grace: float

    async def run(self, context: OperationContext, completion: Completion) -> EngineExit | None:
        """Return how the engine ended; None if none did."""
        container_id = _ended(context, completion)
        if container_id is None:
            return None
        found = next((each for each in context.found if each.id == container_id), None)
        if found is None or found.is_being_removed:
            return self._as_heard(context.operation, container_id)
        if found.is_lost:
            return _with_its_node(found)  # nobody is there to show its last lines
        return await self._with_tail(self._as_shown(context.operation, found), container_id)

    def _as_heard(self, operation: Operation, container_id: ContainerId) -> EngineExit:
        """Return what Docker's events have shown of a container that is gone."""
        return self._ours(operation, self.ends.of(container_id))

    def _as_shown(self, operation: Operation, found: ContainerDetails) -> EngineExit:
        heard = self.ends.of(found.id, ended_at=found.finished_at)
        return self._ours(
            operation,
            replace(
                heard,
                exit_code=found.exit_code,
                oom_killed=found.oom_killed or heard.oom_killed,
                ended_at=found.finished_at or heard.ended_at,
                missed=heard.missed if found.placement is None else Missed.NOT_SHOWN,
            ),
        )

    def _ours(self, operation: Operation, ended: EngineExit) -> EngineExit:
        """Add what is known of an engine that this operation has stopped itself."""
        if operation.kind is not OperationKind.STOP:
            return ended
        is_killed = signal_of(ended.exit_code) == KILL and not ended.oom_killed
        is_overdue = is_killed and self._took_the_grace(operation)
        signals = ended.signals or ((KILL,) if is_overdue else ())
        return replace(ended, missed=None, signals=signals, is_overdue=is_overdue)

    def _took_the_grace(self, operation: Operation) -> bool:
        stops = (each for each in operation.steps if each.action.name is ActionName.STOP)
        grace = timedelta(seconds=self.grace)
        return any(timedelta(milliseconds=each.duration_ms or 0.0) >= grace for each in stops)

    async def _with_tail(self, ended: EngineExit, container_id: ContainerId) -> EngineExit:
        """Add the last lines. A Docker that has gone by now was being shut down, or its host.

        One that only does not answer may be slow.
        """
        try:
            return replace(ended, log_tail=await self.host.logs(container_id, lines=LOG_TAIL_LINES))
        except (DockerUnavailable, HostRefused) as error:
            logger.warning("logs_not_read", extra={"error": error.message})
            is_away = isinstance(error, DockerUnavailable) and not isinstance(error, HostSilent)
            return replace(ended, missed=Missed.DOCKER_AWAY) if is_away else ended


def _with_its_node(found: ContainerDetails) -> EngineExit:
    return EngineExit(container_id=found.id, ended_at=found.finished_at, missed=Missed.NODE_LOST)


def _ended(context: OperationContext, completion: Completion) -> ContainerId | None:
    """Return the container whose engine, or which itself, ended by now and had not before."""
    before, after = context.record, completion.record
    if before is None or after is None or after.status in {before.status, RuntimeStatus.RUNNING}:
        return None
    if context.operation.kind is OperationKind.CLEANUP_CONTAINER:
        return None
    return before.current_container_id
