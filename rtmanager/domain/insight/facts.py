"""Everything that is known about one game, from which its state is explained."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rtmanager.domain.container import ContainerDetails, ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.engine_exit import EngineExit, Missed, exit_of
from rtmanager.domain.insight.health import Health
from rtmanager.domain.node import Placement
from rtmanager.domain.operation import (
    ActionName,
    Operation,
    OperationKind,
    OpSource,
    Outcome,
    Phase,
    Step,
    StepResult,
)
from rtmanager.domain.reconciliation.drift import Drift
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

SLACK = timedelta(seconds=1)
"""By how much the times of Docker and of this service may differ."""

_BRING_UP = {
    OperationKind.START,
    OperationKind.RESTART,
    OperationKind.PATCH,
    OperationKind.RECONCILE_ADOPT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a game.

    `cause` is the operation that last changed the record, None if the log does not have it any
    more. `operations` are the last ones, newest first. `docker_error` is why Docker did not answer;
    `container` and `drift` are then unknown.
    """

    game_id: GameId
    record: RuntimeRecord | None
    cause: Operation | None
    open_operation: Operation | None
    operations: Sequence[Operation]
    health: Health | None
    drift: Sequence[Drift] = ()
    container: ContainerDetails | None = None
    docker_error: str | None = None

    @property
    def out_of_reach(self) -> Placement | None:
        """The node that is down while nobody knows whether the record's engine still runs on it."""
        seen, record = self.container, self.record
        if seen is None or record is None or seen.id != record.current_container_id:
            return None
        return seen.placement if seen.is_out_of_reach else None

    @property
    def engine_exit(self) -> EngineExit | None:
        """How the last engine ended; None while one runs, or if nobody knows."""
        if self.record is not None and self.record.status is RuntimeStatus.RUNNING:
            return self._shown_exit()
        exits = [found for each in self._since_the_last_start() if (found := exit_of(each))]
        return _joined(exits) if exits else None

    def exit_before(self, operation: Operation) -> EngineExit | None:
        """Return how the engine ended that ran before this operation, if that is known."""
        earlier = (each for each in self.operations if each.id < operation.id)
        return next((found for each in earlier if (found := exit_of(each))), None)

    @property
    def failure(self) -> Operation | None:
        """The latest operation that began and failed, unless a later one has succeeded."""
        for each in self.operations:
            if each.outcome is Outcome.FAILURE and each.steps:
                return each
            if each.outcome is Outcome.SUCCESS and each.error_code is None and _is_asked_for(each):
                return None
        return None

    def step_of_ours(
        self,
        action: ActionName,
        container_id: ContainerId | None,
        at: datetime | None,
        phase: Phase,
    ) -> Operation | None:
        """Return our operation that did this to the container at that time, if one did."""
        wanted = (action, container_id, phase)
        for operation in self.operations:
            steps = (each for each in operation.steps if _is(each, wanted))
            if any(_covers(each, operation, at) for each in steps):
                return operation
        return None

    def _shown_exit(self) -> EngineExit | None:
        """Return an end that Docker shows and nobody has recorded yet."""
        seen, record = self.container, self.record
        if seen is None or record is None or seen.is_running or not seen.was_started:
            return None
        if seen.id != record.current_container_id:
            return None
        return EngineExit(
            container_id=seen.id,
            exit_code=seen.exit_code,
            oom_killed=seen.oom_killed,
            ended_at=seen.finished_at,
            missed=Missed.NODE_LOST if seen.is_lost else Missed.NOT_FOLLOWED,
        )

    def _since_the_last_start(self) -> Sequence[Operation]:
        """Return the operations since an engine was last brought up, newest first."""
        found = []
        for each in (*self.operations, *([self.cause] if self.cause else [])):
            if each.kind in _BRING_UP and each.outcome is Outcome.SUCCESS and not each.error_code:
                break
            found.append(each)
        return found


def _is_asked_for(operation: Operation) -> bool:
    return operation.request.origin.source is not OpSource.AUTO_RECONCILE


def _joined(exits: Sequence[EngineExit]) -> EngineExit:
    """Return the latest exit, with what earlier operations have seen of the same engine's end."""
    latest = exits[0]
    for each in exits[1:]:
        if each.container_id != latest.container_id:
            break
        if latest.exit_code is None or each.exit_code == latest.exit_code:
            latest = replace(each, log_tail=each.log_tail or latest.log_tail)
    return latest


def _is(step: Step, wanted: tuple[ActionName, ContainerId | None, Phase]) -> bool:
    return (step.action.name, step.action.container_id, step.phase) == wanted


def _covers(step: Step, operation: Operation, at: datetime | None) -> bool:
    """Return whether a step may have had its effect at this time."""
    if at is None or step.result is StepResult.REFUSED or step.started_at - SLACK > at:
        return False
    if step.result is not StepResult.DONE:
        return True
    ended = step.started_at + timedelta(milliseconds=step.duration_ms or 0.0)
    return at <= max(ended, operation.finished_at or ended) + SLACK
