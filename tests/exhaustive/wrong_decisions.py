"""Wrong decisions, made from the right ones, to replace them."""
# ruff: noqa: SLF001 - a defect changes what no caller can reach

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from rtmanager.domain.completion import Completion
from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Action, ActionName, Cause, Operation, OperationKind, Outcome
from rtmanager.domain.operations import (
    cleanup_container,
    kinds,
    reconcile_runtime,
    replacement,
    rollback,
    stop_runtime,
)
from rtmanager.domain.operations.decision import Decision, attempt, remove, stop
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.observer import Observer

Patch = Callable[[Any], None]
"""Gets pytest's monkeypatch."""


def puts(owner: object, name: str, value: object) -> Patch:
    """Put a value in the place of a function or a constant."""
    return lambda patcher: patcher.setattr(owner, name, value)


def both(*patches: Patch) -> Patch:
    """Apply several defects."""

    def patch(patcher: Any) -> None:
        for each in patches:
            each(patcher)

    return patch


def decides(kind: OperationKind, decide: kinds.Decide) -> Patch:
    """Replace the decision of a kind."""
    mutated = {**kinds.KINDS, kind: replace(kinds.KINDS[kind], decide=decide)}
    return puts(kinds, "KINDS", MappingProxyType(mutated))


def none(*_: object) -> Iterator[Action]:
    """Return no actions."""
    return iter(())


def without(wanted: Callable[..., Iterable[Action]], *names: ActionName) -> object:
    """Return the same actions except those."""
    return lambda *seen: (each for each in wanted(*seen) if each.name not in names)


def by_id(wanted: Callable[..., Iterable[Action]], name: ActionName) -> object:
    """Return the same actions, one of them sent to an id instead of the parked name."""
    return lambda *seen: (
        replace(each, address=None) if each.name is name else each for each in wanted(*seen)
    )


def removed_instead(_: Operation, old: Any) -> Iterator[Action]:
    """Remove the old container instead of parking it."""
    yield stop(old.id) if old.is_running else remove(old.id)


def no_gate(operation: Operation, seen: Observation, new: Any) -> Decision:
    """Accept an engine that runs."""
    return replacement._success(operation, seen, new)


def any_gate(operation: Operation, seen: Observation, new: Any) -> Decision:
    """Watch the gate, and accept any reading."""
    if seen.gate is None:
        return attempt(operation, Action(ActionName.WATCH_GATE, new.id))
    return replacement._success(operation, seen, new)


_success = replacement._success
_failed = rollback.failed
_sorted = Observer._sorted


def success_with(**changes: Callable[[Observation], object]) -> object:
    """Complete as before, except for some facts."""

    def success(operation: Operation, seen: Observation, new: Any) -> Completion:
        given: Mapping[str, Any] = {name: of(seen) for name, of in changes.items()}
        return replace(_success(operation, seen, new), **given)

    return success


def last_cause(operation: Operation, seen: Observation) -> Completion:
    """Report an error of the rollback."""
    cause = Cause(code=ErrorCode.INTERNAL_ERROR, message="it could not be put back")
    return replace(_failed(operation, seen), cause=cause)


def record_as_before(operation: Operation, seen: Observation) -> Completion:
    """Leave the record as it was, whatever is observed."""
    return replace(_failed(operation, seen), record=seen.record)


def kept_gate(observer: Observer, context: Any, found: Any) -> Observation:
    """Keep the gate's reading, whichever container it is of."""
    return replace(_sorted(observer, context, found), gate=context.gate)


async def only_by_name(observer: Observer, context: Any) -> Any:
    """Observe by name alone, and forget a container whose name somebody has taken away."""
    before = context.known and set(context.known)
    found = await _find(observer, context)
    context.known = context.known if before is None else before
    return found


_find = Observer._find


def cleaned(operation: Operation, seen: Observation) -> Decision:
    """Remove everything that is there."""
    for each in seen.ours:
        return attempt(operation, remove(each.id))
    return cleanup_container.decide(operation, seen)


def stopped_by_reply(operation: Operation, seen: Observation) -> Decision:
    """Treat a stop that was answered as a stopped engine."""
    if seen.current is not None and operation.attempts(stop(seen.current.id)):
        return stop_runtime._stopped(operation, seen)
    return stop_runtime.decide(operation, seen)


def stopped_the_records(operation: Operation, seen: Observation) -> Decision:
    """Stop the record's container, whichever engine runs."""
    return stop_runtime.decide(operation, replace(seen, others=()))


def adopted_whatever(operation: Operation, seen: Observation) -> Decision:
    """Adopt a container even if it does not run."""
    found = seen.subject(operation)
    if found is None or found.is_running:
        return reconcile_runtime.adopt(operation, seen)
    return reconcile_runtime._adopted(operation, seen, found)


def disposed_at_once(operation: Operation, seen: Observation) -> Decision:
    """Remove without a stop."""
    stale = seen.subject(operation)
    if stale is None:
        return reconcile_runtime.dispose(operation, seen)
    return attempt(operation, remove(stale.id))


def exit_believed(operation: Operation, seen: Observation) -> Completion:
    """Record that the container is gone without observing it."""
    record = seen.record and seen.record.removed(fence=operation.id, at=seen.at)
    return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record)
