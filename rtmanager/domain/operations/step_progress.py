"""Writing how far a step is while it runs, for those who watch the operation."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace

from rtmanager.domain.concurrency import detached
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.operation_journal import OperationJournal

PAUSE = 1.0
"""Seconds between two writes at least; what is said in between is dropped."""


@dataclass(slots=True)
class StepProgress:
    """Writes what is said about the running step into its note.

    Nothing depends on it: what cannot be written is dropped, and an operation that has lost its
    lease learns that at its next write. Nothing is written after `close`: a late write would take
    back the handover of the operation.
    """

    context: OperationContext
    journal: OperationJournal
    clock: Clock
    _writing: "asyncio.Task[None] | None" = field(default=None, init=False)
    _next: float = field(default=float("-inf"), init=False)
    _is_closed: bool = field(default=False, init=False)

    def say(self, line: str) -> None:
        """Begin to write the line, unless another was written a moment ago."""
        if self._is_closed or self.clock.monotonic() < self._next or not self._is_idle:
            return
        self._next = self.clock.monotonic() + PAUSE
        self._writing = detached(self._write(line))

    async def close(self) -> None:
        """Write no more, and wait until nothing is being written, also when cancelled.

        A late write would replace those that follow. It ends soon, with or without the store.
        """
        self._is_closed = True
        cancelled = None
        while self._writing is not None and not self._is_idle:
            try:
                await asyncio.wait([self._writing])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    @property
    def _is_idle(self) -> bool:
        return self._writing is None or self._writing.done()

    async def _write(self, line: str) -> None:
        operation, lease = self.context.operation, self.context.lease
        noted = operation.acted(replace(operation.steps[-1], note=line))
        with contextlib.suppress(RuntimeManagerError):
            lease.check()
            await self.journal.save(noted, lease=lease.number)
