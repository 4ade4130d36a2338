"""One history from its seed to its result, and the smallest plan that is still violated."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.end_state import come_to_rest, reconcile_to_rest
from tests.simulation.environment import Environment
from tests.simulation.events import Event, Kind, Plan, expect
from tests.simulation.node_plans import make_full_node_plan, make_node_plan
from tests.simulation.plan import make_plan
from tests.simulation.plan_runner import PlanRunner
from tests.simulation.stream_plan import make_full_plan
from tests.simulation.tally import FaultCounts

MAX_STEPS = 6000
_PLANS = {
    Kind.PLAIN: make_plan,
    Kind.FULL: make_full_plan,
    Kind.SWARM: make_node_plan,
    Kind.FULL_SWARM: make_full_node_plan,
}


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """The result of a history; the invariants held if there are no violations."""

    seed: int
    plan: Plan
    steps: int
    violations: Sequence[str]
    trace: Sequence[str]
    faults: FaultCounts
    kind: Kind = Kind.PLAIN

    def __str__(self) -> str:
        lines = [
            f"{self.kind} seed {self.seed}: {len(self.plan)} events, {self.steps} steps",
            *self.trace,
        ]
        return "\n".join([*lines, *(f"VIOLATED: {each}" for each in self.violations)])


def run_history(
    seed: int, plan: Plan | None = None, *, trace: bool = False, kind: Kind = Kind.PLAIN
) -> HistoryResult:
    """Run the history of this seed, with its own plan or another one, and check it.

    In a full history both processes run all their workers and streams, and at the end these
    workers alone must have reconciled everything. One on a Swarm has nodes that are lost.
    """
    if plan is None:
        plan = _PLANS[kind](seed)
    environment = Environment(seed, keeps_trace=trace, kind=kind)
    environment.invariants.expect(expect(plan))
    with environment.loop.running():
        runner = PlanRunner(environment, plan)
        _play(environment, runner)
        if not environment.violations:
            (come_to_rest if environment.full else reconcile_to_rest)(environment)
        environment.end()
    scheduler = environment.scheduler
    return HistoryResult(
        seed,
        plan,
        scheduler.steps,
        environment.violations,
        scheduler.trace,
        environment.tally.faults,
        kind=kind,
    )


def _play(environment: Environment, runner: PlanRunner) -> None:
    rests, goes_on = True, True
    while goes_on and not environment.violations:
        goes_on = runner.run_due(rests=rests)
        rests = not environment.step()
        goes_on = goes_on or not rests
        if environment.full and runner.is_done():
            return
        if environment.scheduler.steps > MAX_STEPS:
            environment.violation(f"the history did not become idle in {MAX_STEPS} steps")


def shrink(result: HistoryResult) -> HistoryResult:
    """Return the smallest violated history that can be found, with its trace.

    Leaving out an event shifts the schedule after it, so the violated invariant may be another one;
    that is just as good a clue.
    """
    plan = list(result.plan)
    chunk = max(len(plan) // 2, 1)
    while True:
        smaller = _without_a_chunk(result, plan, chunk)
        if smaller is not None:
            plan = smaller
        elif chunk == 1:
            return _again(result, plan, trace=True)
        else:
            chunk //= 2


def _again(result: HistoryResult, plan: list[Event], *, trace: bool = False) -> HistoryResult:
    """Run a history of the same kind with another plan."""
    return run_history(result.seed, plan, trace=trace, kind=result.kind)


def _without_a_chunk(result: HistoryResult, plan: list[Event], chunk: int) -> list[Event] | None:
    for start in range(0, len(plan), chunk):
        candidate = plan[:start] + plan[start + chunk :]
        if candidate and _again(result, candidate).violations:
            return candidate
    return None
