"""Wrong decisions, each of which replaces the right one in a mutant."""

# ruff: noqa: ARG001, SLF001 - wrong parts have the right signatures and reach into what they break

from collections.abc import Iterator
from dataclasses import replace

from rtmanager.domain.completion import Completion
from rtmanager.domain.container import ContainerDetails, container_name, parked_name
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Operation,
    Outcome,
)
from rtmanager.domain.operations import reconcile_runtime, replacement, rollback
from rtmanager.domain.operations.decision import Decision, attempt, remove, stop
from rtmanager.domain.operations.observation import Observation

_restore = rollback._restore
_pass_gate = replacement._pass_gate


def remove_the_predecessor(operation: Operation, old: ContainerDetails) -> Iterator[Action]:
    """Remove the old container before the new one has proved itself."""
    yield stop(old.id) if old.is_running else remove(old.id)


def park_without_a_stop(operation: Operation, old: ContainerDetails) -> Iterator[Action]:
    """Let the old engine run while the new one starts."""
    if old.name != parked_name(operation.game_id, operation.id):
        yield Action(ActionName.PARK, old.id)


def stop_before_parking(operation: Operation, old: ContainerDetails) -> Iterator[Action]:
    """Stop the old engine by its id, which no rename changes."""
    if old.name != parked_name(operation.game_id, operation.id):
        yield Action(ActionName.PARK, old.id)
    elif old.is_running:
        yield stop(old.id)


def no_rivals(*_: object) -> Iterator[Action]:
    """Overlook every other engine."""
    return iter(())


def bring_back_parked(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Start the old engine again and leave it parked."""
    every = _restore(operation, seen)
    return (each for each in every if each.name is not ActionName.UNPARK)


def bring_back_by_id(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Put the old engine back by its id, which no rename changes."""
    return (replace(each, address=None) for each in _restore(operation, seen))


def bring_back_too_early(operation: Operation, seen: Observation) -> Iterator[Action]:
    """Give the old engine its name back although a stop of it may still arrive."""
    old, name = seen.current, container_name(operation.game_id)
    if old is not None and old.name != name:
        parked = parked_name(operation.game_id, operation.id)
        if not old.is_running:
            yield Action(ActionName.START, old.id, parked)
        yield Action(ActionName.UNPARK, old.id, parked)


def pass_the_gate_once_sent(
    operation: Operation, seen: Observation, new: ContainerDetails
) -> Decision:
    """Accept an engine whose gate another process had begun to watch."""
    watch = Action(ActionName.WATCH_GATE, new.id)
    if seen.gate is None and any(each.action == watch for each in operation.steps):
        return replacement._success(operation, seen, new)
    return _pass_gate(operation, seen, new)


def start_in_doubt_again(self: Operation, action: Action) -> bool:
    """Repeat a start that may still arrive."""
    return False


def adopt_anything(operation: Operation, seen: Observation) -> Decision:
    """Adopt the container that was observed earlier, whatever has happened to it since."""
    found = seen.subject(operation)
    if found is None:
        return rollback.failed(operation, seen)
    return reconcile_runtime._adopted(operation, seen, found)


def exit_not_observed(operation: Operation, seen: Observation) -> Completion:
    """Record an exit of the engine without observing it."""
    before = seen.record
    record = before and before.stopped(fence=operation.id, at=seen.at, stopped_at=seen.at)
    return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record)


def remove_though_it_runs(operation: Operation, seen: Observation) -> Decision:
    """Clean up without checking what runs."""
    for each in seen.ours:
        return attempt(operation, remove(each.id))
    record = seen.record and seen.record.removed(fence=operation.id, at=seen.at)
    return Completion(outcome=Outcome.SUCCESS, at=seen.at, record=record)


def dispose_of_whatever_it_is(operation: Operation, seen: Observation) -> Decision:
    """Remove the container even if it is the game's own."""
    stale = seen.subject(operation)
    if stale is None:
        return reconcile_runtime.dispose(operation, seen)
    return attempt(operation, stop(stale.id) if stale.is_running else remove(stale.id))
