"""Start-up, with nothing to do and with a thousand runtimes, whose Docker calls are counted."""

from collections.abc import Mapping, Sequence

from bench.environment import bench_environment, console
from bench.figures import Row, spread
from bench.fleet_environment import fleet_environment
from bench.sizes import Sizes

READY_GOAL, RECONCILED_GOAL = 1.0, 5.0
LIST, INSPECT = "GET /containers/json", "GET /containers/{id}/json"


def measure(sizes: Sizes) -> Sequence[Row]:
    """Start the service several times without games, then several times with many."""
    with bench_environment() as environment:
        environment.service.start()  # it makes the tables, which only the first start does
        empty = []
        for _ in range(sizes.rounds):
            environment.service.stop()
            empty.append(environment.service.start())
    with fleet_environment(sizes.fleet) as fleet:
        full: list[float] = []
        calls: Mapping[str, int] = {}
        for _ in range(sizes.rounds):
            fleet.docker_calls()
            full.append(fleet.bench.service.start())
            calls = fleet.docker_calls()
            fleet.bench.service.stop()
    return [_empty_row(empty), _fleet_row(sizes.fleet, full, calls)]


def _empty_row(seconds: Sequence[float]) -> Row:
    return Row(
        what="start-up until the first answer, no games",
        measured=f"{spread(seconds):.2f} s",
        goal=f"{READY_GOAL:g} s",
        is_reached=spread(seconds).median <= READY_GOAL,
    )


def _fleet_row(games: int, seconds: Sequence[float], calls: Mapping[str, int]) -> Row:
    shown = ", ".join(f"{name} {count}" for name, count in sorted(calls.items()))
    console.print(f"Docker calls of a start-up with {games:,} games: {shown}")
    listed, inspected = calls.get(LIST, 0), calls.get(INSPECT, 0)
    return Row(
        what=f"start-up with {games:,} runtimes, reconciled",
        measured=f"{spread(seconds):.2f} s; {listed} list, {inspected} inspections",
        against="calls of Docker",
        baseline=str(sum(calls.values())),
        goal=f"{RECONCILED_GOAL:g} s; 1 list, 0 inspections",
        is_reached=spread(seconds).median <= RECONCILED_GOAL and (listed, inspected) == (1, 0),
    )
