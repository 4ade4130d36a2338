"""Waiting for operations to finish, whichever process runs them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.operation import Fence, Operation
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.operation_history import OperationHistory

POLL = 0.25
"""Seconds between two looks into the log, which all who wait in this process share."""

MAX_WAITING = 250
"""Callers that may wait at once: each keeps a connection that others need."""

Gone = Callable[[], Awaitable[object]]
"""Returns when the caller does not wait any more."""


@dataclass(slots=True)
class OperationEnds:
    """Lets callers wait for the ends of operations; however many wait, one connection is used."""

    history: OperationHistory
    clock: Clock
    _waiting: dict[Fence, set[asyncio.Future[Operation]]] = field(default_factory=dict, init=False)
    _poll: asyncio.Task[None] | None = field(default=None, init=False)
    _released: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def release(self) -> None:
        """Let nobody wait any more, because the service is about to stop."""
        self._released.set()

    async def of(
        self, operation_id: Fence, *, within: float, unless: Gone, most: int = MAX_WAITING
    ) -> Operation | None:
        """Return the operation once it has finished.

        Returns None after `within` seconds, once `unless` returns, or once nobody may wait. Raises
        ServiceUnavailable when `most` callers wait.
        """
        if sum(map(len, self._waiting.values())) >= most:
            raise ServiceUnavailable(
                f"{most} requests wait for operations, the most at once; ask without wait, or "
                "wait again later"
            )
        end: asyncio.Future[Operation] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(operation_id, set()).add(end)
        self._begin_to_poll()
        try:
            await self._first(end, self.clock.sleep(within), unless(), self._released.wait())
        finally:
            self._forget(operation_id, end)
        return None if end.cancelled() else end.result()

    async def _first(self, *ends: Awaitable[object]) -> None:
        """Wait for the first of these, and cancel the others."""
        tasks = [asyncio.ensure_future(each) for each in ends]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, operation_id: Fence, end: asyncio.Future[Operation]) -> None:
        others = self._waiting.get(operation_id, set())
        others.discard(end)
        if not others:
            self._waiting.pop(operation_id, None)

    def _begin_to_poll(self) -> None:
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._look(), name="operation ends")

    async def _look(self) -> None:
        """Look into the log again and again, as long as somebody waits."""
        await self.clock.sleep(POLL)
        while self._waiting:
            for operation in await self._finished():
                for end in self._waiting.pop(operation.id, ()):
                    if not end.done():
                        end.set_result(operation)
            await self.clock.sleep(POLL)

    async def _finished(self) -> tuple[Operation, ...]:
        """Return what has finished; while the store is away nothing has, and the wait goes on."""
        try:
            return tuple(await self.history.finished(set(self._waiting)))
        except ServiceUnavailable:
            return ()
