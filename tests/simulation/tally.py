"""Counts the faults of a history and what they hit, and how often each must occur at least."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.nodes.move_origin import why_moved
from rtmanager.domain.operation import (
    Operation,
    OperationKind,
    OpSource,
    Outcome,
)
from rtmanager.domain.ports.operation_journal import Begun
from tests.simulation.events import CHANGES
from tests.simulation.external_plans import INTERFERENCES, OF_A_STOPPED_GAME, OF_AN_ENGINE
from tests.simulation.triggers import (
    acknowledges_several,
    hit_container,
    hit_process,
    was_refused_in_rollback,
)

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.process import Process


Fault = tuple[str, str]
"""A kind of fault, and what it hit."""

FaultCounts = Counter[Fault]

_BY_ITSELF: Mapping[OperationKind, str] = {
    OperationKind.RECONCILE_ADOPT: "adopted",
    OperationKind.RECONCILE_DISPOSE: "disposed of",
    OperationKind.RECONCILE_OBSERVED_EXIT: "exit observed",
}
_CHANGES = {f"host.{each}" for each in CHANGES}


class Tally:
    """The faults so far."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self.faults: FaultCounts = Counter()

    def note(self, what: str, hit: str) -> None:
        """Count a fault, or another event that has a minimum."""
        self.faults[what, hit] += 1

    def process(self, what: str, process: "Process") -> None:
        """Count a fault of a process by what the process was doing."""
        self.note(what, hit_process(self._environment, process))
        if acknowledges_several(self._environment, process):
            self.note(f"{what} before acknowledging", "several jobs")

    def container(self, what: str, container: MemoryContainer) -> None:
        """Count a fault of a container by what the container was."""
        self.note(what, hit_container(self._environment, container))

    def lost(self, what: str, call: str) -> None:
        """Count a call that was lost at its port, or whose reply was lost."""
        name, _, is_reply = call.partition(":")
        what = f"{what}: {'reply' if is_reply else 'call'}"
        if name == "store.finish":
            self.note(what, "an outcome")
        else:
            self.note(what, "a change in Docker" if name in _CHANGES else "another call")

    def taken_over(self, *, from_the_living: bool) -> None:
        """Count an operation that went to another process; its former one may not know that yet."""
        hit = "a live process" if from_the_living else "a dead process"
        self.note("operation taken over", f"from {hit}")

    def ended(self, operation: Operation) -> None:
        """Count what an operation was about, judging by its outcome."""
        hit = "success" if operation.outcome is Outcome.SUCCESS else "failure"
        if (why := why_moved(operation.request.origin)) is not None:
            self.note("moved", hit if "lost" in why else f"{hit} of a drain")
        if operation.kind in _BY_ITSELF:
            self.note(_BY_ITSELF[operation.kind], hit)
        if operation.request.origin.source is OpSource.AUTO_TTL:
            self.note("retention expired", hit)
        if was_refused_in_rollback(operation):
            self.note("refused in rollback", f"a {operation.kind}")
        if self._environment.skew:
            self.note("clocks differ", hit)

    def decided(self, applicants: int, begun: Sequence[Begun | None]) -> None:
        """Count jobs that were decided together, some of them perhaps for the second time."""
        new = [each.operation for each in begun if each is not None]
        if len(new) > 1:
            self.note("decided together", "several jobs")
        if new and len(new) < len(begun):
            self.note("decided together", "some recorded before")
        if len(begun) > 1 and len(begun) < applicants:
            self.note("decided together", "work in the middle")

    def pulls(self) -> None:
        """Count the images that were pulled."""
        docker = self._environment.docker
        for reference in docker.pulls:
            self.note("pulled", "an image" if reference in docker.registry else "nothing")


_GATE = {"a watched gate"}
_WORK = {"an operation", *_GATE}
_ENGINE = {"a running engine"}
_CHANGE = {"create", "start", "stop", "rename", "remove", "a change in Docker"}
_ANYTHING: set[str] = set()
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
    plain: int
    full: int

    def covers(self, fault: Fault) -> bool:
        """Return whether a fault counts towards this minimum."""
        what, hit = fault
        return what in self.what and (not self.hit or hit in self.hit)

    def asked(self, histories: int, *, full: bool) -> int:
        """Return how often it must occur in so many histories."""
        return (self.full if full else self.plain) * histories // 1000


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
    Minimum("operations under differing clocks", {"clocks differ"}, _ANYTHING, 500, 500),
)


def shortfalls(counts: FaultCounts, histories: int, *, full: bool) -> list[str]:
    """Return the faults that were too rare."""
    return [
        f"{each.words}: {count}, not {asked}"
        for each, count, asked in _counted(counts, histories, full=full)
        if count < asked
    ]


def summary(counts: FaultCounts, histories: int, *, full: bool) -> str:
    """Return how often each fault occurred, and how often it must occur at least."""
    counted = list(_counted(counts, histories, full=full))
    lines = [f"{each.words:<45} {count:>7} {asked:>8}" for each, count, asked in counted]
    return "\n".join([f"{'fault':<45} {'times':>7} {'at least':>8}", *lines])


def table(counts: FaultCounts) -> str:
    """Return every kind of fault and what it hit."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for (what, hit), count in sorted(counts.items()):
        by_kind[what].append(f"{count} {hit}")
    return "\n".join(f"{what:<24} {', '.join(hits)}" for what, hits in by_kind.items())


def _counted(
    counts: FaultCounts, histories: int, *, full: bool
) -> Iterator[tuple[Minimum, int, int]]:
    for each in MINIMA:
        count = sum(times for fault, times in counts.items() if each.covers(fault))
        yield each, count, each.asked(histories, full=full)
