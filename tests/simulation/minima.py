"""How often everything must strike at least: histories that nothing strikes prove nothing."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.anchored import OF_A_STOPPED_ONE, OF_AN_ENGINE
from tests.simulation.surroundings import MISHAPS
from tests.simulation.tally import Strike, Struck

_GATE = {"a watched gate"}
_WORK = {"an operation", *_GATE}
_ENGINE = {"a running engine"}
_CHANGE = {"create", "start", "stop", "rename", "remove", "a change in Docker"}
_ANYTHING: set[str] = set()
_STRANGERS = {*MISHAPS, *OF_AN_ENGINE, *OF_A_STOPPED_ONE}


@dataclass(frozen=True)
class Minimum:
    """What counts together, and how often it must strike in a thousand histories of each kind.

    With no `met` it does not matter what it met.
    """

    words: str
    what: set[str]
    met: set[str]
    plain: int
    supervised: int

    def covers(self, strike: Strike) -> bool:
        """Tell whether a strike counts."""
        what, met = strike
        return what in self.what and (not self.met or met in self.met)

    def asked(self, histories: int, *, supervised: bool) -> int:
        """Return how often it must strike in so many histories."""
        return (self.supervised if supervised else self.plain) * histories // 1000


MINIMA = (
    Minimum("processes killed inside an operation", {"killed"}, _WORK, 80, 120),
    Minimum("processes stalled inside an operation", {"stalled"}, _WORK, 50, 120),
    Minimum("processes told to end inside an operation", {"told to end"}, _WORK, 50, 80),
    Minimum("processes struck at a watched gate", {"killed", "stalled"}, _GATE, 25, 25),
    Minimum(
        "operations taken from a process that lives",
        {"operation taken over"},
        {"from a process that lives"},
        40,
        80,
    ),
    Minimum("changes carried out late", {"carried out late"}, _CHANGE, 40, 20),
    Minimum(
        "replies of changes lost",
        {"reply lost by Docker", "lost at docker: reply", "docker cut off: reply"},
        _CHANGE,
        15,
        6,
    ),
    Minimum(
        "changes lost on the way",
        {"call lost by Docker", "lost at docker: call", "docker cut off: call"},
        _CHANGE,
        12,
        6,
    ),
    Minimum(
        "changes refused",
        {"refused", "refused, and carried out", "always refused"},
        _CHANGE,
        60,
        30,
    ),
    Minimum("refusals on the way back", {"refused on the way back"}, _ANYTHING, 8, 3),
    Minimum(
        "failures at finish",
        {
            *(
                f"{what}: {part}"
                for what in ("lost at postgres", "postgres cut off")
                for part in ("call", "reply")
            ),
        },
        {"an outcome"},
        30,
        15,
    ),
    Minimum("engines adopted", {"adopted"}, {"success"}, 25, 25),
    Minimum("containers disposed of", {"disposed of"}, {"success"}, 25, 20),
    Minimum("exits observed", {"exit observed"}, {"success"}, 20, 20),
    Minimum("retentions over", {"retention over"}, {"success"}, 2, 12),
    Minimum("engines befallen", _STRANGERS, _ENGINE, 40, 60),
    Minimum("operations befallen", _STRANGERS, _WORK, 40, 35),
    Minimum("stopped games befallen", _STRANGERS, {"a container at rest"}, 8, 6),
    Minimum("names taken from engines and operations", {"name taken"}, _ENGINE | _WORK, 15, 40),
    Minimum("containers on a restarted host", {"host restarted"}, _ENGINE | _WORK, 14, 15),
    Minimum("images pulled", {"pulled"}, {"an image"}, 15, 8),
    Minimum("databases restored", {"database restored"}, _ANYTHING, 12, 0),
    Minimum("operations under clocks that differ", {"clocks differ"}, _ANYTHING, 500, 500),
)


def shortfalls(struck: Struck, histories: int, *, supervised: bool) -> list[str]:
    """Return what struck too rarely."""
    return [
        f"{each.words}: {count}, not {asked}"
        for each, count, asked in _counted(struck, histories, supervised=supervised)
        if count < asked
    ]


def summary(struck: Struck, histories: int, *, supervised: bool) -> str:
    """Return how often everything struck, and how often it must at least."""
    counted = list(_counted(struck, histories, supervised=supervised))
    lines = [f"{each.words:<45} {count:>7} {asked:>8}" for each, count, asked in counted]
    return "\n".join([f"{'what struck':<45} {'times':>7} {'at least':>8}", *lines])


def table(struck: Struck) -> str:
    """Return every kind of fault and what it met."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for (what, met), count in sorted(struck.items()):
        by_kind[what].append(f"{count} {met}")
    return "\n".join(f"{what:<24} {', '.join(met)}" for what, met in by_kind.items())


def _counted(
    struck: Struck, histories: int, *, supervised: bool
) -> Iterator[tuple[Minimum, int, int]]:
    for each in MINIMA:
        count = sum(times for strike, times in struck.items() if each.covers(strike))
        yield each, count, each.asked(histories, supervised=supervised)
