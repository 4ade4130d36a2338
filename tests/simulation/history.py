"""One history from its seed to its verdict."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.simulation.aftermath import quiesce, settle
from tests.simulation.director import Director
from tests.simulation.plan import Plan, is_calm, is_undisturbed, make_plan
from tests.simulation.stream_plan import make_supervised_plan
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
    universe = Universe(seed, keeps_trace=trace, supervised=supervised)
    universe.witness.outcomes.expect(undisturbed=is_undisturbed(plan), calm=is_calm(plan))
    with universe.loop.running():
        director = Director(universe, plan)
        _play(universe, director)
        if not universe.violations:
            (settle if supervised else quiesce)(universe)
        universe.end()
    scheduler = universe.scheduler
    return Verdict(
        seed, plan, scheduler.steps, universe.violations, scheduler.trace, supervised=supervised
    )


def _play(universe: Universe, director: Director) -> None:
    rests, goes_on = True, True
    while goes_on and not universe.violations:
        goes_on = director.happen(rests=rests)
        rests = not universe.step()
        goes_on = goes_on or not rests
        if universe.supervised and director.is_done():
            return
        if universe.scheduler.steps > MOST_STEPS:
            universe.violation(f"the history did not come to rest in {MOST_STEPS} steps")
