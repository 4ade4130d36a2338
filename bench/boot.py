"""Start-up, with nothing to do and with a thousand runtimes, whose Docker calls are counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.environment import bench_environment, console
from bench.figures import Row, quantile, spread
from bench.fleet_environment import fleet_environment
from bench.server_process import ServerProcess
from bench.sizes import Sizes

READY_GOAL, RECONCILED_GOAL = 1.0, 5.0
LIST, INSPECT = "GET /containers/json", "GET /containers/{id}/json"


@dataclass(frozen=True)
class Start:
    """The time of one start-up, and the CPU time of the process until then, in seconds."""

    seconds: float
    cpu: float


def measure(sizes: Sizes) -> Sequence[Row]:
    """Start the service several times without games, then several times with many."""
    with bench_environment() as environment:
        environment.service.start()  # it makes the tables, which only the first start does
        empty = []
        for _ in range(sizes.rounds):
            environment.service.stop()
            empty.append(_started(environment.service))
    with fleet_environment(sizes.fleet) as fleet:
        full: list[Start] = []
        calls: Mapping[str, int] = {}
        for _ in range(sizes.rounds):
            fleet.docker_calls()
            full.append(_started(fleet.bench.service))
            calls = fleet.docker_calls(until=fleet.reconciled_at())
            fleet.bench.service.stop()
    return [_empty_row(empty), _fleet_row(sizes.fleet, full, calls)]


def _started(service: ServerProcess) -> Start:
    return Start(service.start(), service.cpu_seconds())


def _shown(starts: Sequence[Start]) -> str:
    cpu = quantile([each.cpu for each in starts], 0.5)
    return f"{spread([each.seconds for each in starts]):.2f} s, {cpu:.2f} s of CPU"


def _median(starts: Sequence[Start]) -> float:
    return spread([each.seconds for each in starts]).median


def _empty_row(starts: Sequence[Start]) -> Row:
    return Row(
        what="start-up until the first answer, no games",
        measured=_shown(starts),
        goal=f"{READY_GOAL:g} s",
        is_reached=_median(starts) <= READY_GOAL,
    )


def _fleet_row(games: int, starts: Sequence[Start], calls: Mapping[str, int]) -> Row:
    shown = ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    console.print(f"Docker calls of a start-up with {games:,} games: {shown}")
    listed, inspected = calls.get(LIST, 0), calls.get(INSPECT, 0)
    return Row(
        what=f"start-up with {games:,} runtimes, reconciled",
        measured=f"{_shown(starts)}; {listed} list, {inspected} inspections",
        against="calls of Docker",
        baseline=str(sum(calls.values())),
        goal=f"{RECONCILED_GOAL:g} s; 1 list, 0 inspections",
        is_reached=_median(starts) <= RECONCILED_GOAL and (listed, inspected) == (1, 0),
    )
