"""The one entry point for every operation, from REST, jobs and workers alike."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rtmanager.domain.concurrency import InFlight
from rtmanager.domain.errors import (
    InternalError,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber, OperationRequest
from rtmanager.domain.operations.answering import Answering, LeaseSuperseded
from rtmanager.domain.operations.attempt import Answer
from rtmanager.domain.operations.refusals import Refusals
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLease, GameLeases, LeaseBusy
from rtmanager.domain.ports.operation_journal import (
    OperationJournal,
    OperationStillOpen,
)
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord

logger = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")

RESUMPTION_POLL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Begins operations and resumes open ones.

    `lease_wait` is how many seconds a request waits for other operations on its game.
    """

    leases: GameLeases
    records: RuntimeRecords
    journal: OperationJournal
    answering: Answering
    clock: Clock
    in_flight: InFlight
    refusals: Refusals
    lease_wait: float

    async def run(self, request: OperationRequest, *, wait: float | None = None) -> RuntimeRecord:
        """Run the request's operation and return the game's record.

        The operation continues even if the caller is cancelled. Waits for other operations on the
        game, resuming one that a dead process left open. Raises the refusal or failure of the
        operation, LeaseBusy when the game is still busy after `wait` seconds, and DockerUnavailable
        or ServiceUnavailable when the operation stays open.
        """
        (answer,) = await self.run_next([request], wait=wait)
        record = answer.result()
        if record is None:
            raise InternalError(f"{request.kind} {request.game_id} ended without a record")
        return record

    async def run_next(
        self, requests: Sequence[OperationRequest], *, wait: float | None = None
    ) -> Sequence[Answer]:
        """Run the operations of the next requests for one game, in order, under one lease.

        Returns the answers of the first of them, at least one: those that change nothing are
        decided together, and the first that is more than that is run to its end and is the last.
        The others wait for what they find then. In all else this is like `run`, which it raises for
        when the first request has no answer.
        """
        limit = self.lease_wait if wait is None else wait
        kind, game_id = requests[0].kind, requests[0].game_id
        work = self._wait_and_run(requests, limit)
        return await self.in_flight.run(work, name=f"{kind} {game_id}", about=game_id)

    async def under_lease(
        self, game_id: GameId, work: Callable[[GameLease], Awaitable[R]], *, wait: float
    ) -> R:
        """Do the work under the game's lease; repeat it with a new lease if a later one is known.

        Raises LeaseBusy when others hold the lease for longer than `wait` seconds.
        """
        above = NO_LEASE
        while True:
            try:
                async with self.leases.hold(game_id, wait=wait, above=above) as lease:
                    return await work(lease)
            except LeaseSuperseded as superseded:
                above = superseded.highest

    async def run_under(self, lease: GameLease, request: OperationRequest) -> RuntimeRecord | None:
        """Run the request's operation under the caller's lease; return the record, if any.

        Raises OperationStillOpen when an earlier operation must be resumed first, LeaseSuperseded
        when the lease is not the latest.
        """
        (answer,) = await self.answering.run_next(lease, [request])
        return answer.result()

    async def resume(self, game_id: GameId) -> None:
        """Resume the game's open operation, unless another holder has it, and wait for its end.

        Callers in one process share one attempt. Raises DockerUnavailable or ServiceUnavailable
        when it stays open; any other outcome is only in the operation log.
        """
        await asyncio.shield(self.resume_in_background(game_id))

    def resume_in_background(self, game_id: GameId) -> "asyncio.Task[None]":
        """Resume the game's open operation in a task and return the task."""
        return self.in_flight.share(lambda: self._resume(game_id), name=f"resume {game_id}")

    async def _wait_and_run(
        self, requests: Sequence[OperationRequest], wait: float
    ) -> Sequence[Answer]:
        """Answer what changes nothing, or else wait for the lease and run what can be run under it.

        Whatever keeps them all from being run is the answer of the first: the others have not had
        their turn.
        """
        began, above, request = self.clock.monotonic(), NO_LEASE, requests[0]
        if concluded := await self.answering.conclude(requests, since=began):
            return concluded
        deadline = began + wait
        while True:
            try:
                left = max(0.0, deadline - self.clock.monotonic())
                async with self._lease_for(request, began, wait=left, above=above) as lease:
                    return await self.answering.run_next(lease, requests, since=began)
            except LeaseSuperseded as superseded:
                above = superseded.highest
            except OperationStillOpen:
                await self._resume_earlier(request, began, deadline)

    @contextlib.asynccontextmanager
    async def _lease_for(
        self, request: OperationRequest, began: float, *, wait: float, above: LeaseNumber
    ) -> AsyncIterator[GameLease]:
        """Hold the lease of the request's game, or refuse the request."""
        async with contextlib.AsyncExitStack() as held:
            try:
                lease = await held.enter_async_context(
                    self.leases.hold(request.game_id, wait=wait, above=above)
                )
            except LeaseBusy:
                raise await self.refusals.busy(request, since=began) from None
            except ServiceUnavailable as away:
                raise await self.refusals.refused_for_now(request, away, since=began) from away
            yield lease

    async def _resume_earlier(
        self, request: OperationRequest, began: float, deadline: float
    ) -> None:
        """Resume the open operation and wait for it; refuse the request if it stays open.

        Returns when it may have ended.
        """
        earlier = self.resume_in_background(request.game_id)
        while not earlier.done():
            if self.clock.monotonic() >= deadline:
                raise await self.refusals.busy(request, since=began)
            await self.clock.sleep(RESUMPTION_POLL)
        error = None if earlier.cancelled() else earlier.exception()
        if error is None:
            return
        known = error if isinstance(error, RuntimeManagerError) else InternalError()
        raise await self.refusals.refused_for_now(request, known, since=began) from error

    async def _resume(self, game_id: GameId) -> None:
        with contextlib.suppress(LeaseBusy):  # its holder resumes it
            await self.under_lease(
                game_id,
                lambda lease: self.answering.take_over(lease, game_id),
                wait=self.lease_wait,
            )
