"""How often each fault must occur at least, and the tables of those that did."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.events import SWARM_CHANGES, Kind
from tests.simulation.external_plans import INTERFERENCES, OF_A_STOPPED_GAME, OF_AN_ENGINE
from tests.simulation.tally import Fault, FaultCounts

_GATE = {"a watched gate"}
_WORK = {"an operation", *_GATE}
_ENGINE = {"a running engine"}
_CHANGE = {"create", "start", "stop", "rename", "remove", "a change in Docker", *SWARM_CHANGES}
_ANYTHING: set[str] = set()
_NODE = {"a node with engines"}
_TOGETHER = {"decided together"}
_UNACKNOWLEDGED = {"killed before acknowledging"}
_INTERFERENCE = {*INTERFERENCES, *OF_AN_ENGINE, *OF_A_STOPPED_GAME}


@dataclass(frozen=True)
class Minimum:
    """Faults that are counted together, and how many a thousand histories must have at least.

    An empty `hit` stands for anything.
    """

    words: str
    what: set[str]
    hit: set[str]
    plain: int = 0
    full: int = 0
    swarm: int = 0
    full_swarm: int = 0

    def covers(self, fault: Fault) -> bool:
        """Return whether a fault counts towards this minimum."""
        what, hit = fault
        return what in self.what and (not self.hit or hit in self.hit)

    def asked(self, histories: int, kind: Kind) -> int:
        """Return how often it must occur in so many histories."""
        rate: int = getattr(self, kind)
        return rate * histories // 1000


MINIMA = (
    Minimum("processes killed inside an operation", {"killed"}, _WORK, 80, 120),
    Minimum("processes stalled inside an operation", {"stalled"}, _WORK, 50, 120),
    Minimum("processes shut down inside an operation", {"shut down"}, _WORK, 50, 80),
    Minimum("processes killed or stalled at a watched gate", {"killed", "stalled"}, _GATE, 25, 25),
    Minimum(
        "operations taken over from a live process",
        {"operation taken over"},
        {"from a live process"},
        40,
        80,
    ),
    Minimum("changes that took effect late", {"took effect late"}, _CHANGE, 40, 20),
    Minimum(
        "lost replies to changes",
        {"reply lost by Docker", "lost at docker: reply", "docker cut off: reply"},
        _CHANGE,
        15,
        6,
    ),
    Minimum(
        "changes lost before their effect",
        {"call lost by Docker", "lost at docker: call", "docker cut off: call"},
        _CHANGE,
        12,
        6,
    ),
    Minimum(
        "changes refused",
        {"refused", "refused after its effect", "always refused"},
        _CHANGE,
        60,
        30,
    ),
    Minimum("refusals during a rollback", {"refused in rollback"}, _ANYTHING, 8, 3),
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
    Minimum("retention periods expired", {"retention expired"}, {"success"}, 2, 12),
    Minimum("interference with running engines", _INTERFERENCE, _ENGINE, 40, 60),
    Minimum("interference with open operations", _INTERFERENCE, _WORK, 40, 35),
    Minimum("interference with stopped games", _INTERFERENCE, {"a container at rest"}, 8, 6),
    Minimum("names taken from engines and operations", {"name taken"}, _ENGINE | _WORK, 15, 40),
    Minimum("containers on a restarted host", {"host restarted"}, _ENGINE | _WORK, 14, 15),
    Minimum("images pulled", {"pulled"}, {"an image"}, 15, 8),
    Minimum("databases restored", {"database restored"}, _ANYTHING, 12, 0),
    Minimum("jobs decided together", _TOGETHER, {"several jobs"}, 0, 800),
    Minimum("work among jobs decided together", _TOGETHER, {"work in the middle"}, 0, 500),
    Minimum("jobs delivered again with others", _TOGETHER, {"some recorded before"}, 0, 50),
    Minimum("kills before several are acknowledged", _UNACKNOWLEDGED, _ANYTHING, 0, 20),
    Minimum("operations under differing clocks", {"clocks differ"}, _ANYTHING, 500, 500, 500),
    Minimum("nodes with engines that lost their power", {"power lost"}, _NODE, swarm=100),
    Minimum("nodes with engines that were cut off", {"link lost"}, _NODE, swarm=80),
    Minimum("nodes with engines whose daemon was killed", {"daemon lost"}, _NODE, swarm=20),
    Minimum("nodes that operators vouch for", {"operator's word"}, _ANYTHING, swarm=200),
    Minimum("fence commands that say that a node is off", {"fence command"}, {"off"}, swarm=8),
    Minimum("fence commands without an answer", {"fence command"}, {"no answer"}, swarm=8),
    Minimum("games moved from lost nodes", {"moved"}, {"success"}, swarm=100),
    Minimum("games moved from drained nodes", {"moved"}, {"success of a drain"}, swarm=16),
    Minimum("processes that a former leader misleads", {"misled"}, _ANYTHING, swarm=40),
    Minimum("engines that Swarm gives up", {"given up"}, _ANYTHING, swarm=10),
    Minimum("managers without a leader", {"leader lost"}, _ANYTHING, swarm=40),
)


def shortfalls(counts: FaultCounts, histories: int, kind: Kind) -> list[str]:
    """Return the faults that were too rare."""
    return [
        f"{each.words}: {count}, not {asked}"
        for each, count, asked in _counted(counts, histories, kind)
        if count < asked
    ]


def summary(counts: FaultCounts, histories: int, kind: Kind) -> str:
    """Return how often each fault occurred, and how often it must occur at least."""
    counted = list(_counted(counts, histories, kind))
    lines = [f"{each.words:<45} {count:>7} {asked:>8}" for each, count, asked in counted]
    return "\n".join([f"{'fault':<45} {'times':>7} {'at least':>8}", *lines])


def table(counts: FaultCounts) -> str:
    """Return every kind of fault and what it hit."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for (what, hit), count in sorted(counts.items()):
        by_kind[what].append(f"{count} {hit}")
    return "\n".join(f"{what:<24} {', '.join(hits)}" for what, hits in by_kind.items())


def _counted(counts: FaultCounts, histories: int, kind: Kind) -> Iterator[tuple[Minimum, int, int]]:
    for each in MINIMA:
        count = sum(times for fault, times in counts.items() if each.covers(fault))
        yield each, count, each.asked(histories, kind)
