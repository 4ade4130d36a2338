"""Situations in which faults hurt, and what a fault has met."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import ContainerId
from rtmanager.domain.operation import ActionName, Operation, Phase, StepResult
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

AN_ENGINE_RUNS = "an engine runs"
A_GAME_IS_STOPPED = "a game is stopped"
AN_OPERATION_IS_OPEN = "an operation is open"
A_GATE_IS_WATCHED = "a gate is watched"


def open_operations(environment: "Environment") -> Iterator[Operation]:
    """Return the operations that have no outcome yet."""
    return (each for each in environment.store.operations.values() if each.outcome is None)


def watches_its_gate(operation: Operation) -> bool:
    """Tell whether the operation is at its health gate."""
    last = operation.steps[-1] if operation.steps else None
    return last is not None and last.result is None and last.action.name is ActionName.WATCH_GATE


def was_refused_on_the_way_back(operation: Operation) -> bool:
    """Tell whether Docker has kept the operation from putting everything back."""
    return any(
        each.phase is Phase.BACK and each.result is StepResult.REFUSED for each in operation.steps
    )


def met_by_process(environment: "Environment", process: Process) -> str:
    """Name what a process is about that is struck now."""
    held = list(environment.invariants.leases.operations_of(process.name))
    if any(map(watches_its_gate, held)):
        return "a watched gate"
    return "an operation" if held else "no operation"


def met_by_container(environment: "Environment", container: MemoryContainer) -> str:
    """Name what a container is that is struck now."""
    game = environment.truth.game_of(container)
    if game is None:
        return "another's container"
    at_rest = "a running engine" if container.is_running else "a container at rest"
    return _met_at_work(environment, game) or at_rest


def met_by_game(environment: "Environment", game: str) -> str:
    """Name what a game is about that is struck now."""
    runs = bool(environment.truth.running(game))
    return _met_at_work(environment, game) or ("a running engine" if runs else "no engine")


def _met_at_work(environment: "Environment", game: str) -> str | None:
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


def _beside_a_game(environment: "Environment", status: RuntimeStatus) -> Process | None:
    """Return a process if a game is in this status, its container too, and no operation is open."""
    busy = {each.game_id for each in open_operations(environment)}
    is_so = any(
        record.status is status and record.game_id not in busy and _agrees(environment, record)
        for record in environment.store.runtime_records.values()
    )
    awake = (each for each in environment.live if each.is_awake)
    return next(awake, None) if is_so else None


def _agrees(environment: "Environment", record: RuntimeRecord) -> bool:
    """Tell whether the record's container is there, and runs if the record says so."""
    containers = environment.docker.containers
    found = containers.get(record.current_container_id or ContainerId(""))
    runs = record.status is RuntimeStatus.RUNNING
    return found is not None and found.is_running is runs


SITUATIONS: Mapping[str, Callable[["Environment"], Process | None]] = {
    AN_ENGINE_RUNS: lambda environment: _beside_a_game(environment, RuntimeStatus.RUNNING),
    A_GAME_IS_STOPPED: lambda environment: _beside_a_game(environment, RuntimeStatus.STOPPED),
    AN_OPERATION_IS_OPEN: lambda environment: _at_work(environment, lambda _: True),
    A_GATE_IS_WATCHED: lambda environment: _at_work(environment, watches_its_gate),
}
"""Each situation, and the process that is in it or beside it; None while there is none."""
