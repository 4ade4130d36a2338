"""Situations and calls that trigger an event, and what a fault has hit."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import ContainerId
from rtmanager.domain.operation import ActionName, Operation, Phase, StepResult
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.plan_runner import PlanRunner


AN_ENGINE_RUNS = "an engine runs"
A_GAME_IS_STOPPED = "a game is stopped"
AN_OPERATION_IS_OPEN = "an operation is open"
A_GATE_IS_WATCHED = "a gate is watched"
SEVERAL_JOBS_ARE_RECORDED = "several jobs are recorded and not acknowledged"


def open_operations(environment: "Environment") -> Iterator[Operation]:
    """Return the operations that have no outcome yet."""
    return (each for each in environment.store.operations.values() if each.outcome is None)


def watches_its_gate(operation: Operation) -> bool:
    """Return whether the operation is at its health gate."""
    last = operation.steps[-1] if operation.steps else None
    return last is not None and last.result is None and last.action.name is ActionName.WATCH_GATE


def was_refused_in_rollback(operation: Operation) -> bool:
    """Return whether Docker has kept the operation from restoring everything."""
    return any(
        each.phase is Phase.BACK and each.result is StepResult.REFUSED for each in operation.steps
    )


def hit_process(environment: "Environment", process: Process) -> str:
    """Name what a process is doing when a fault hits it."""
    held = list(environment.invariants.leases.operations_of(process.name))
    if _is_at_a_gate(environment, process):
        return "a watched gate"
    return "an operation" if held else "no operation"


def _is_at_a_gate(environment: "Environment", process: Process) -> bool:
    """Return whether the process watches a gate, or asks an engine once before that is saved."""
    held = list(environment.invariants.leases.operations_of(process.name))
    calls = (each.call for each in environment.scheduler.parked if each.process is process)
    is_asking = any(call.startswith("probe.check") for call in calls)
    return any(map(watches_its_gate, held)) or (bool(held) and is_asking)


def acknowledges_several(environment: "Environment", process: Process) -> bool:
    """Return whether several of the process's jobs are recorded and not acknowledged."""
    streams = environment.streams
    pending = {
        each.entry_id
        for each in streams.pending
        if streams.owners.get(each) is process.consumer and each.job.game_id
    }
    recorded = (each for each in environment.store.operations.values() if each.outcome is not None)
    return sum(each.request.origin.source_ref in pending for each in recorded) > 1


def hit_container(environment: "Environment", container: MemoryContainer) -> str:
    """Name what a container is when a fault hits it."""
    game = environment.truth.game_of(container)
    if game is None:
        return "another's container"
    at_rest = "a running engine" if container.is_running else "a container at rest"
    return _operation_of(environment, game) or at_rest


def hit_game(environment: "Environment", game: str) -> str:
    """Name the state of a game when a fault hits it."""
    runs = bool(environment.truth.running(game))
    return _operation_of(environment, game) or ("a running engine" if runs else "no engine")


def _operation_of(environment: "Environment", game: str) -> str | None:
    of_game = [each for each in open_operations(environment) if each.game_id == game]
    if any(map(watches_its_gate, of_game)):
        return "a watched gate"
    return "an operation" if of_game else None


def _at_work(environment: "Environment", wanted: Callable[[Operation], bool]) -> Process | None:
    """Return a process that holds such an operation."""
    for process in environment.live:
        held = environment.invariants.leases.operations_of(process.name)
        if process.is_awake and any(map(wanted, held)):
            return process
    return None


def _at_a_gate(environment: "Environment") -> Process | None:
    """Return a process that is at the gate of a new engine."""
    at_gates = (each for each in environment.live if _is_at_a_gate(environment, each))
    return next((each for each in at_gates if each.is_awake), None)


def _acknowledging(environment: "Environment") -> Process | None:
    awake = (each for each in environment.live if each.is_awake)
    return next((each for each in awake if acknowledges_several(environment, each)), None)


def _beside_a_game(environment: "Environment", status: RuntimeStatus) -> Process | None:
    """Return a process if the record and container of a game have this status and it is idle."""
    busy = {each.game_id for each in open_operations(environment)}
    is_so = any(
        record.status is status and record.game_id not in busy and _agrees(environment, record)
        for record in environment.store.runtime_records.values()
    )
    awake = (each for each in environment.live if each.is_awake)
    return next(awake, None) if is_so else None


def _agrees(environment: "Environment", record: RuntimeRecord) -> bool:
    """Return whether the record's container exists, and runs if the record says so."""
    containers = environment.docker.containers
    found = containers.get(record.current_container_id or ContainerId(""))
    runs = record.status is RuntimeStatus.RUNNING
    return found is not None and found.is_running is runs


SITUATIONS: Mapping[str, Callable[["Environment"], Process | None]] = {
    AN_ENGINE_RUNS: lambda environment: _beside_a_game(environment, RuntimeStatus.RUNNING),
    A_GAME_IS_STOPPED: lambda environment: _beside_a_game(environment, RuntimeStatus.STOPPED),
    AN_OPERATION_IS_OPEN: lambda environment: _at_work(environment, lambda _: True),
    A_GATE_IS_WATCHED: _at_a_gate,
    SEVERAL_JOBS_ARE_RECORDED: _acknowledging,
}
"""Each situation, and a process that is in it or could act on it; None if there is none."""


OF_A_PROCESS = {"kill", "stall", "shutdown", "suspend", "no_descriptors"}
"""Events whose first argument is a slot: the slot of the process that triggered the event."""


@dataclass(eq=False)
class Trigger:
    """An event and what triggers it: a call, or a situation that lasts for `patience` checks."""

    where: str
    what: str
    args: tuple[Any, ...]
    patience: int = 0


class Triggers:
    """Events that are triggered once some process makes a certain call or is in a situation."""

    def __init__(self, runner: "PlanRunner", environment: "Environment") -> None:
        self._runner, self._environment = runner, environment
        self._waiting: list[Trigger] = []

    def at_call(self, call: str, what: str, *args: Any) -> None:
        """Trigger an event for the next process that makes this call."""
        self._waiting.append(Trigger(call, what, args))

    def in_situation(self, situation: str, patience: int, what: str, *args: Any) -> None:
        """Trigger an event in a situation once that has lasted for some steps."""
        self._waiting.append(Trigger(situation, what, args, patience))

    def fire(self) -> None:
        """Run every event whose call or situation has come."""
        for each in list(self._waiting):
            process = self._process_at(each.where)
            if process is None:
                continue
            each.patience -= 1
            if each.patience < 0:
                self._waiting.remove(each)
                self._fire(each, process)

    def _fire(self, trigger: Trigger, process: Process) -> None:
        self._environment.scheduler.note(f"** {process.name}: {trigger.where}")
        slot = (process.slot,) if trigger.what in OF_A_PROCESS else ()
        self._runner.happen(trigger.what, *slot, *trigger.args)

    def _process_at(self, where: str) -> Process | None:
        if where in SITUATIONS:
            return SITUATIONS[where](self._environment)
        every = (each for each in self._environment.scheduler.parked if each.call == where)
        awake = (each.process for each in every if each.process.is_awake)
        return next((each for each in awake if each in self._environment.live), None)
