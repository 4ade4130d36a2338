"""Counts what has struck in a history, and what it met: else it may have met nothing at all."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.operation import (
    Operation,
    OperationKind,
    OpSource,
    Outcome,
)
from tests.simulation.situations import (
    met_by_container,
    met_by_process,
    was_refused_on_the_way_back,
)
from tests.simulation.vocabulary import CHANGES

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.process import Process

Strike = tuple[str, str]
"""What struck, and what it met."""

Struck = Counter[Strike]

_BY_ITSELF: Mapping[OperationKind, str] = {
    OperationKind.RECONCILE_ADOPT: "adopted",
    OperationKind.RECONCILE_DISPOSE: "disposed of",
    OperationKind.RECONCILE_OBSERVED_EXIT: "exit observed",
}
_CHANGES = {f"host.{each}" for each in CHANGES}


class Tally:
    """What has struck so far."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self.struck: Struck = Counter()

    def note(self, what: str, met: str) -> None:
        """Count a strike."""
        self.struck[what, met] += 1

    def process(self, what: str, process: "Process") -> None:
        """Count what a process meets that is struck now."""
        self.note(what, met_by_process(self._environment, process))

    def container(self, what: str, container: MemoryContainer) -> None:
        """Count what a container meets that is struck now."""
        self.note(what, met_by_container(self._environment, container))

    def lost(self, what: str, call: str) -> None:
        """Count a call that was lost at its port, or whose reply was."""
        name, _, is_reply = call.partition(":")
        what = f"{what}: {'reply' if is_reply else 'call'}"
        if name == "store.finish":
            self.note(what, "an outcome")
        else:
            self.note(what, "a change in Docker" if name in _CHANGES else "another call")

    def taken_over(self, *, from_the_living: bool) -> None:
        """Count an operation that went to another process, whose own one may not know it yet."""
        met = "a process that lives" if from_the_living else "a dead process"
        self.note("operation taken over", f"from {met}")

    def ended(self, operation: Operation) -> None:
        """Count what an operation was about, as it shows in its outcome."""
        met = "success" if operation.outcome is Outcome.SUCCESS else "failure"
        if operation.kind in _BY_ITSELF:
            self.note(_BY_ITSELF[operation.kind], met)
        if operation.request.origin.source is OpSource.AUTO_TTL:
            self.note("retention over", met)
        if was_refused_on_the_way_back(operation):
            self.note("refused on the way back", f"a {operation.kind}")
        if self._environment.skew:
            self.note("clocks differ", met)

    def pulls(self) -> None:
        """Count the images that were pulled."""
        docker = self._environment.docker
        for reference in docker.pulls:
            self.note("pulled", "an image" if reference in docker.registry else "nothing")
