"""The assembled service: its parts, and how it opens and closes."""

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass
from typing import TypeVar

from rtmanager.bootstrap.cycles import Cycles
from rtmanager.bootstrap.use_cases import UseCases
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.workers.leader import LeaderRunner
from rtmanager.workers.relay import OutboxRelay
from rtmanager.workers.worker import Worker, in_background

logger = logging.getLogger(__name__)

T = TypeVar("T")

Advice = str | Callable[[RuntimeManagerError], str]
"""What to check when something cannot be opened, which may depend on the error."""


class StartupError(Exception):
    """The service cannot start; the message is one line that says what to do about it."""


class ShutdownDeadline:
    """One deadline for everything that a shutdown waits for: requests, then operations."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._began: float | None = None

    def begin(self) -> None:
        """Start the clock; a second call changes nothing."""
        self._began = self._began or time.monotonic()

    def left(self) -> float:
        """Return the seconds left, at least zero."""
        self.begin()
        return max(0.0, self._limit - (time.monotonic() - (self._began or 0.0)))


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that the service connects to, and the advice when that fails.

    `close` is called even if `open` failed half way, and must handle that.
    """

    open: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]
    advice: Advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The assembled service. Its use cases and workers run while it is open."""

    dependencies: Sequence[Dependency]
    use_cases: UseCases
    cycles: Cycles
    relay: OutboxRelay
    leader: LeaderRunner
    others: Sequence[Worker] = ()
    """What runs in every replica besides the relay."""
    observing: Callable[[], AbstractAsyncContextManager[None]] = nullcontext

    def withdraw(self) -> None:
        """Be not ready any more, and hand over the leadership: the service is about to stop.

        Requests are still answered, and messages sent.
        """
        self.use_cases.readiness.withdraw()
        self.leader.hand_over()

    @asynccontextmanager
    async def open(self, deadline: ShutdownDeadline) -> AsyncIterator[None]:
        """Connect, reconcile once and run the workers during the block; then close everything.

        Workers stop first, then operations have until the deadline to finish, then the relay stops
        and the dependencies are closed. Raises StartupError when a dependency is unavailable.
        """
        async with AsyncExitStack() as stack:
            for dependency in self.dependencies:
                stack.push_async_callback(dependency.close)
                await or_startup_error(dependency.open(), dependency.advice)
            stack.push_async_callback(self.use_cases.connections.close)
            for worker in (self.relay, *self.others):
                await stack.enter_async_context(in_background(worker, self.relay.clock))
            await stack.enter_async_context(self.observing())
            stack.push_async_callback(self._drain, deadline)
            await self._reconcile()
            await stack.enter_async_context(self.leader.running())
            yield

    async def _reconcile(self) -> None:
        advice = "see the log lines above; start again when the dependency is available"
        listed = await or_startup_error(self.cycles.check_host.run(), advice)
        found = await or_startup_error(self.cycles.reconcile.run(listed), advice)
        logger.info("reconciled", extra={"games": found.games, "did": found.sentence or "nothing"})
        await self.use_cases.connections.learn(listed)

    async def _drain(self, deadline: ShutdownDeadline) -> None:
        cut = await self.use_cases.operations.in_flight.drain(deadline.left())
        if cut:
            logger.warning("operations_cut_off", extra={"count": cut})


async def or_startup_error(work: Awaitable[T], advice: Advice) -> T:
    """Await `work`; convert an error of the domain into a StartupError with advice."""
    try:
        return await work
    except RuntimeManagerError as error:
        words = advice if isinstance(advice, str) else advice(error)
        raise StartupError(f"{error.message.rstrip('.')}; {words}") from error
