"""How much is measured: in ten minutes for the page, or in two for a first impression."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Rounds and seconds of each contest; numbers of jobs, starts and games.

    `queues` are lengths of queues of jobs, `singles` jobs that are sent one at a time.
    A minute of `watched_seconds` has every round of the workers: four of probes, two of inspections
    and one reconciliation. Half of it has half of them, and perhaps no reconciliation.
    """

    rounds: int
    seconds: int
    queues: Sequence[int]
    job_games: int
    singles: int
    starts: int
    starts_at_once: int
    fleet: int
    watched_seconds: int


FULL = Sizes(
    rounds=5,
    seconds=2,
    queues=(10_000, 100_000),
    job_games=50,
    singles=1_000,
    starts=30,
    starts_at_once=100,
    fleet=1_000,
    watched_seconds=60,
)
QUICK = Sizes(
    rounds=2,
    seconds=1,
    queues=(2_000,),
    job_games=10,
    singles=100,
    starts=4,
    starts_at_once=10,
    fleet=1_000,
    watched_seconds=30,
)
