"""Makes a violated history smaller: what can be left out of its plan without mending it."""

from tests.simulation.event import Event
from tests.simulation.history import Verdict, run_history


def shrink(verdict: Verdict) -> Verdict:
    """Return a history with as few events as can be found that is violated still, with its trace.

    Leaving an event out shifts the schedule behind it, so another invariant may be the one that is
    violated then; that is as good a clue.
    """
    plan = list(verdict.plan)
    chunk = max(len(plan) // 2, 1)
    while True:
        smaller = _without_a_chunk(verdict, plan, chunk)
        if smaller is not None:
            plan = smaller
        elif chunk == 1:
            return run_history(verdict.seed, plan, trace=True, supervised=verdict.supervised)
        else:
            chunk //= 2


def _without_a_chunk(verdict: Verdict, plan: list[Event], chunk: int) -> list[Event] | None:
    for start in range(0, len(plan), chunk):
        candidate = plan[:start] + plan[start + chunk :]
        if (
            candidate
            and run_history(verdict.seed, candidate, supervised=verdict.supervised).violations
        ):
            return candidate
    return None
