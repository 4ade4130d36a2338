"""One sentence that says why a game is in its state: who did what, when and why."""

from collections.abc import Callable, Iterator, Mapping

from rtmanager.domain.insight import exit_words
from rtmanager.domain.insight.engine_exit import Missed
from rtmanager.domain.insight.facts import SLACK, Facts
from rtmanager.domain.insight.health import Health, HealthState
from rtmanager.domain.insight.words import doing, moment, named, noun, shortened, who
from rtmanager.domain.operation import (
    ActionName,
    Operation,
    OperationKind,
    OpSource,
    Outcome,
    Phase,
)
from rtmanager.domain.reconciliation.drift import DriftKind
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

_GERUNDS: Mapping[OperationKind, str] = {
    OperationKind.START: "Being started",
    OperationKind.STOP: "Being stopped",
    OperationKind.RESTART: "Being restarted",
    OperationKind.PATCH: "Being patched",
    OperationKind.CLEANUP_CONTAINER: "Its container is being removed",
    OperationKind.RECONCILE_ADOPT: "Its container is being taken over",
    OperationKind.RECONCILE_DISPOSE: "Its container is being reconciled",
    OperationKind.RECONCILE_OBSERVED_EXIT: "The exit of its engine is being recorded",
}
_DONE: Mapping[OperationKind, str] = {
    OperationKind.START: "started",
    OperationKind.RESTART: "restarted",
    OperationKind.PATCH: "patched to it",
}


def summary(facts: Facts) -> str:
    """Return the sentence; the pure heart of an explanation."""
    clauses = filter(None, (_head(facts), *_clauses(facts)))
    return f"{'; '.join(clauses)}."


def _head(facts: Facts) -> str:
    record = facts.record
    if facts.open_operation is not None:
        return _under_way(facts.open_operation, record)
    if record is None:
        return _never_ran(facts)
    heads: Mapping[RuntimeStatus, Callable[[Facts, RuntimeRecord], str]] = {
        RuntimeStatus.RUNNING: _running,
        RuntimeStatus.STOPPED: _stopped,
        RuntimeStatus.REMOVED: _removed,
    }
    return heads[record.status](facts, record)


def _clauses(facts: Facts) -> Iterator[str]:
    """Yield what has to be added to any state."""
    record, is_open = facts.record, facts.open_operation is not None
    if record is not None and not is_open:
        yield _restarted_by_others(facts, record)
        yield _failed_since(facts)
        yield _lost(facts)
    for each in facts.drift:
        if each.kind is not DriftKind.OPEN_OPERATION:
            yield f"not reconciled yet: {each.sentence}"
    if facts.docker_error is not None:
        yield f"what Docker shows now is not known: {shortened(facts.docker_error)}"


def _under_way(operation: Operation, record: RuntimeRecord | None) -> str:
    image = operation.request.image_ref
    target = f" to {image}" if image and operation.kind is OperationKind.PATCH else ""
    target = f" with {image}" if image and operation.kind is OperationKind.START else target
    begun = f"{_GERUNDS[operation.kind]}{target} by {who(operation)} since "
    now = f", now: {doing(operation.steps[-1])}" if operation.steps else ""
    words = f"{begun}{moment(operation.started_at)}{now}"
    if operation.phase is Phase.BACK and operation.cause is not None:
        words += f", being rolled back: {shortened(operation.cause.message)}"
    if operation.lost:
        words += "; a process of this service died while running it, and it was resumed"
    if record is not None:
        words += f"; before, it was {_state(record)}"
    return words


def _state(record: RuntimeRecord) -> str:
    if record.status is RuntimeStatus.RUNNING:
        return f"running {record.current_image_ref or 'an unknown image'}"
    return str(record.status)


def _never_ran(facts: Facts) -> str:
    starts = (each for each in facts.operations if each.kind is OperationKind.START)
    last = next(starts, facts.operations[0])
    verb = "failed" if last.outcome is Outcome.FAILURE else "ended"
    error = f": {shortened(last.error_message)}" if last.error_message else ""
    return f"Never ran: the {named(last)} {verb} at {moment(last.finished_at)}{error}"


def _running(facts: Facts, record: RuntimeRecord) -> str:
    image = record.current_image_ref or "an unknown image"
    place = facts.out_of_reach
    if place is not None:
        return f"Recorded as running {image}, but {place.down_words}"
    ended = facts.engine_exit
    if ended is not None and ended.missed is Missed.NODE_LOST:
        how = exit_words.own_words(ended, at=ended.ended_at)
        return f"Recorded as running {image}, but its engine {how}; it is started on another node"
    if ended is not None:
        how = exit_words.exit_words(ended.exit_code, oom_killed=ended.oom_killed)
        return f"Recorded as running {image}, but its engine {how} at {moment(ended.ended_at)}"
    words = f"Running {image} since {moment(record.started_at)}"
    return f"{words}{_brought_up(facts)}{_health(facts)}"


def _brought_up(facts: Facts) -> str:
    cause = facts.cause
    if cause is None:
        return ""
    if cause.kind in _DONE:
        return f", {_DONE[cause.kind]} by {who(cause)}"
    if cause.kind is not OperationKind.RECONCILE_ADOPT:
        return ""
    before = next((each for each in facts.operations if each.id < cause.id), None)
    if before is not None and before.container_id == cause.container_id and before.outcome:
        ended = facts.exit_before(cause)
        how = (
            f", after its engine {exit_words.own_words(ended, at=ended.ended_at)}" if ended else ""
        )
        return f": someone else started its container again through Docker{how}"
    return ", found running without a record of it and taken over by the reconciler"


def _health(facts: Facts) -> str:
    health = facts.health
    if health is None or health.state is HealthState.NOT_RUNNING:
        return ""
    if health.state is HealthState.HEALTHY:
        return ", healthy"
    error = shortened(health.error or "no reason is known")
    if health.state is HealthState.UNKNOWN:
        return f", its health is not known: {error}"
    if _has_never_answered(facts, health):
        return f", but it has never answered /healthz: {error}"
    since = f" since {moment(health.since)}" if health.since else ""
    return f", but unhealthy{since}: {error}"


def _has_never_answered(facts: Facts, health: Health) -> bool:
    """Return whether the gate saw no answer, and nothing since then has changed that."""
    cause = facts.cause
    if cause is None or cause.details.get("healthy") is not False or health.since is None:
        return False
    return cause.finished_at is not None and health.since <= cause.finished_at + SLACK


def _stopped(facts: Facts, record: RuntimeRecord) -> str:
    cause, ended = facts.cause, facts.engine_exit
    at = moment(record.stopped_at)
    if cause is None:
        return f"Stopped at {at}, by an operation that the log does not have any more"
    if cause.kind is OperationKind.STOP and cause.outcome is Outcome.SUCCESS:
        return _stopped_by_us(facts, record, cause)
    if cause.outcome is Outcome.FAILURE:
        return f"Stopped at {at}: the {named(cause)} failed and left no engine running"
    if ended is None:
        return f"Stopped: its engine ended at {at}, and nobody knows how"
    ours = facts.step_of_ours(ActionName.STOP, ended.container_id, ended.ended_at, Phase.FORWARD)
    if ours is not None:
        how = exit_words.exit_words(ended.exit_code, oom_killed=ended.oom_killed)
        return f"Stopped by this service in the {named(ours)}: its engine {how} at {at}"
    return f"Stopped: its engine {exit_words.own_words(ended, at=record.stopped_at)}"


def _stopped_by_us(facts: Facts, record: RuntimeRecord, cause: Operation) -> str:
    reason = f" (reason {cause.request.reason})" if cause.request.reason else ""
    ended = facts.engine_exit
    asked = moment(cause.finished_at)
    if ended is not None and all(each.action.name is not ActionName.STOP for each in cause.steps):
        how = exit_words.own_words(ended, at=record.stopped_at)
        return f"Stopped by {who(cause)} at {asked}{reason}, but before that its engine {how}"
    return f"Stopped by {who(cause)} at {asked}{reason}: {exit_words.stopped_words(ended)}"


def _removed(facts: Facts, record: RuntimeRecord) -> str:
    cause, at = facts.cause, moment(record.removed_at)
    if cause is None:
        return f"Removed at {at}, by an operation that the log does not have any more"
    if cause.kind is OperationKind.CLEANUP_CONTAINER:
        expired = cause.request.origin.source is OpSource.AUTO_TTL
        words = f"Removed by {who(cause)} at {at}"
        return (
            f"{words}, having been stopped since {moment(record.stopped_at)}" if expired else words
        )
    ended = facts.engine_exit
    words = f"Removed: its container was gone at {at}, and it was not this service that removed it"
    if ended is None or ended.exit_code is None:
        return words
    how = exit_words.own_words(ended, at=ended.ended_at)
    by_us = any(each.kind is OperationKind.STOP and each.steps for each in facts.operations)
    return words if by_us else f"{words}; its engine {how}"


def _restarted_by_others(facts: Facts, record: RuntimeRecord) -> str:
    seen = facts.container
    if seen is None or record.started_at is None or seen.started_at is None:
        return ""
    if seen.id != record.current_container_id or record.status is not RuntimeStatus.RUNNING:
        return ""
    if not seen.is_running or seen.started_at <= record.started_at:
        return ""
    if facts.step_of_ours(ActionName.START, seen.id, seen.started_at, Phase.BACK):
        return ""
    return f"someone else restarted its container through Docker at {moment(seen.started_at)}"


def _failed_since(facts: Facts) -> str:
    failed = facts.failure
    if failed is None or failed is facts.cause:
        return ""
    rolled_back = any(each.phase is Phase.BACK for each in failed.steps)
    how = "failed and was rolled back" if rolled_back else "failed"
    error = shortened(failed.error_message or "no reason is known")
    resumed = ", after a process of this service had died while running it" if failed.lost else ""
    return f"the last {named(failed)} {how} at {moment(failed.finished_at)}{resumed}: {error}"


def _lost(facts: Facts) -> str:
    cause = facts.cause
    if cause is None or not cause.lost or cause.outcome is not Outcome.SUCCESS:
        return ""
    return f"a process of this service died during that {noun(cause)}, and another completed it"
