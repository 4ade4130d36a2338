"""Reads of Docker that begin beside the transaction which admits their operation."""

import asyncio
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rtmanager.domain.ports.clock import Clock

MAX_AGE = 1.0
"""Seconds after which nothing that was read early is used any more."""

LISTED, NAMED, NETWORK = "containers of the game", "container with its name", "network"
"""What is read under a name of its own; an image is read under its reference."""

Reads = dict[Hashable, Coroutine[Any, Any, object]]


@dataclass(slots=True)
class EarlyReads:
    """Reads that have begun before anybody needs them; leaving the block ends those under way.

    They show the moment at which they began, so they must begin under the game's lease. `moment` is
    its place among the moments of this process, 0 while there are none.
    """

    clock: Clock
    moment: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)
    _begun: "dict[Hashable, asyncio.Task[Any]]" = field(default_factory=dict, init=False)

    def begin(self, moment: int, reads: Reads) -> None:
        """Begin the reads, each under its name."""
        self.moment, self._until = moment, self.clock.monotonic() + MAX_AGE
        for name, read in reads.items():
            self._begun[name] = task = asyncio.create_task(read, name="early read")
            task.add_done_callback(_retrieve)

    def take(self, name: Hashable) -> "asyncio.Task[Any] | None":
        """Return the read of this name once, unless it is too old; None means to read now."""
        if self._begun and self.clock.monotonic() >= self._until:
            self.end()
        return self._begun.pop(name, None)

    def end(self) -> None:
        """Forget what was read: something is about to change, or nobody needs it any more."""
        for read in self._begun.values():
            read.cancel()
        self._begun.clear()
        self.moment = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        """End what nobody has taken."""
        self.end()


def _retrieve(read: "asyncio.Task[Any]") -> None:
    """Retrieve the error of a read that nobody may take."""
    if not read.cancelled():
        read.exception()
