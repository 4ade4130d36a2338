"""One history from its seed to its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.director import Director
from tests.simulation.end_state import come_to_rest, reconcile_to_rest
from tests.simulation.environment import Environment
from tests.simulation.event import Plan
from tests.simulation.expectation import expect
from tests.simulation.plan import make_plan
from tests.simulation.stream_plan import make_supervised_plan
from tests.simulation.tally import Struck

MOST_STEPS = 6000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a history; it held when there are no violations."""

    seed: int
    plan: Plan
    steps: int
    violations: Sequence[str]
    trace: Sequence[str]
    struck: Struck
    supervised: bool = False

    def __str__(self) -> str:
        kind = "supervised seed" if self.supervised else "seed"
        lines = [f"{kind} {self.seed}: {len(self.plan)} events, {self.steps} steps", *self.trace]
        return "\n".join([*lines, *(f"VIOLATED: {each}" for each in self.violations)])


def run_history(
    seed: int, plan: Plan | None = None, *, trace: bool = False, supervised: bool = False
) -> Verdict:
    """Run the history of this seed, with its own plan or another one, and judge it.

    A supervised one runs all workers under their supervisor in both processes, and in the end they
    alone must put everything in order.
    """
    if plan is None:
        plan = make_supervised_plan(seed) if supervised else make_plan(seed)
    environment = Environment(seed, keeps_trace=trace, supervised=supervised)
    environment.invariants.expect(expect(plan))
    with environment.loop.running():
        director = Director(environment, plan)
        _play(environment, director)
        if not environment.violations:
            (come_to_rest if supervised else reconcile_to_rest)(environment)
        environment.end()
    scheduler = environment.scheduler
    return Verdict(
        seed,
        plan,
        scheduler.steps,
        environment.violations,
        scheduler.trace,
        environment.tally.struck,
        supervised=supervised,
    )


def _play(environment: Environment, director: Director) -> None:
    rests, goes_on = True, True
    while goes_on and not environment.violations:
        goes_on = director.go_on(rests=rests)
        rests = not environment.step()
        goes_on = goes_on or not rests
        if environment.supervised and director.is_done():
            return
        if environment.scheduler.steps > MOST_STEPS:
            environment.violation(f"the history did not come to rest in {MOST_STEPS} steps")
