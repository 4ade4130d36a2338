"""Who has written a game's state, and when: two writers at once are found in what they wrote.

A recording engine draws an id when it starts, and writes it with the time to the state directory,
again and again. Times are those of one clock, the uptime of the machine that all nodes are on.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

FILE = "writers"
PERIOD = 0.5
"""Seconds between two lines of an engine."""
SCRIPT = f"""\
#!/bin/sh
# Serves, and writes all the time who it is.
. /engine/state
/engine/serve &
read -r id </proc/sys/kernel/random/uuid
while :; do
    read -r now idle </proc/uptime
    echo "$id $now" >>"$STATE/{FILE}"
    sleep {PERIOD}
done
"""


@dataclass(frozen=True)
class Writer:
    """One start of an engine: its id, and when it wrote first and last, in seconds."""

    id: str
    first: float
    last: float

    def overlaps(self, other: "Writer") -> bool:
        """Return whether both were writing at some moment."""
        return self.first <= other.last and other.first <= self.last


def writers(state: Path) -> Sequence[Writer]:
    """Return who has written a game's state, in the order of their first lines."""
    times: dict[str, list[float]] = defaultdict(list)
    for line in _lines(state / FILE):
        name, _, moment = line.partition(" ")
        times[name].append(float(moment))
    found = [Writer(name, min(each), max(each)) for name, each in times.items()]
    return sorted(found, key=lambda writer: writer.first)


def two_at_once(state: Path) -> Sequence[tuple[Writer, Writer]]:
    """Return the pairs that were writing a game's state at the same time."""
    return [pair for pair in combinations(writers(state), 2) if pair[0].overlaps(pair[1])]


def _lines(file: Path) -> Iterator[str]:
    """Yield the complete lines; the last one may be half written."""
    if file.exists():
        yield from (line for line in file.read_text().splitlines(keepends=True) if line[-1] == "\n")
