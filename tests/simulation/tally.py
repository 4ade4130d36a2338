"""Counts the faults of a history and what they hit."""

from collections import Counter
from collections.abc import Mapping, Sequence
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
