"""What is measured: rows of the result, ratios with their spread, costs by tenths."""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

_TENTH = 10


@dataclass(frozen=True)
class Spread:
    """The median of several rounds, with the lowest and the highest."""

    median: float
    lowest: float
    highest: float

    def __format__(self, each: str) -> str:
        """Render all three in the format of one number."""
        if self.lowest == self.highest:
            return format(self.median, each)
        return f"{self.median:{each}} ({self.lowest:{each}} to {self.highest:{each}})"


@dataclass(frozen=True)
class Row:
    """One line of the result. `is_reached` is None where there is no goal."""

    what: str
    measured: str
    against: str = "-"
    baseline: str = "-"
    ratio: str = "-"
    goal: str = "-"
    is_reached: bool | None = None


def spread(values: Sequence[float]) -> Spread:
    """Return the median with the spread; there is at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Return ours by theirs, each of a round by the other of the same round."""
    return spread([our / their for our, their in zip(ours, theirs, strict=True)])


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def per_second(moments: Sequence[float]) -> float:
    """Return events per second, from the moments in seconds at which they occurred."""
    return (len(moments) - 1) / max(0.001, moments[-1] - moments[0])


def cost_by_tenths(moments: Sequence[float]) -> Sequence[float]:
    """Return the seconds per event in each tenth of the events, in order."""
    edges = [(len(moments) - 1) * number // _TENTH for number in range(_TENTH + 1)]
    return [
        (moments[end] - moments[begin]) / (end - begin)
        for begin, end in itertools.pairwise(edges)
        if end > begin
    ]
