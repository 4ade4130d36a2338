"""One history from its seed to its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.aftermath import quiesce
from tests.simulation.director import Director
from tests.simulation.plan import Plan, is_calm, is_undisturbed, make_plan
from tests.simulation.universe import Universe

MOST_STEPS = 6000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a history; it held when there are no violations."""

    seed: int
    plan: Plan
    steps: int
    violations: Sequence[str]
    trace: Sequence[str]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {len(self.plan)} events, {self.steps} steps", *self.trace]
        return "\n".join([*lines, *(f"VIOLATED: {each}" for each in self.violations)])


def run_history(seed: int, plan: Plan | None = None, *, trace: bool = False) -> Verdict:
    """Run the history of this seed, with its own plan or another one, and judge it."""
    plan = make_plan(seed) if plan is None else plan
    universe = Universe(seed, keeps_trace=trace)
    universe.witness.outcomes.expect(undisturbed=is_undisturbed(plan), calm=is_calm(plan))
    with universe.loop.running():
        director = Director(universe, plan)
        _play(universe, director)
        if not universe.violations:
            quiesce(universe)
        universe.end()
    return Verdict(
        seed, plan, universe.scheduler.steps, universe.violations, universe.scheduler.trace
    )


def _play(universe: Universe, director: Director) -> None:
    rests, goes_on = True, True
    while goes_on and not universe.violations:
        goes_on = director.happen(rests=rests)
        rests = not universe.step()
        goes_on = goes_on or not rests
        if universe.scheduler.steps > MOST_STEPS:
            universe.violation(f"the history did not come to rest in {MOST_STEPS} steps")
