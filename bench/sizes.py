"""How much is measured: in ten minutes for the page, or in two for a first impression."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Rounds and seconds of each contest; numbers of jobs, starts and games."""

    rounds: int
    seconds: int
    jobs: int
    singles: int
    starts: int
    starts_at_once: int
    fleet: int


FULL = Sizes(
    rounds=5, seconds=3, jobs=100_000, singles=1_000, starts=20, starts_at_once=100, fleet=1_000
)
QUICK = Sizes(
    rounds=2, seconds=1, jobs=2_000, singles=100, starts=4, starts_at_once=10, fleet=1_000
)
