"""The one entry for every operation, whoever asks for it: REST, a job, a worker."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from rtmanager.domain.announcements import announcements
from rtmanager.domain.completion import Completion, refused
from rtmanager.domain.errors import (
    InternalError,
    RuntimeManagerError,
    ServiceUnavailable,
    error_of,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber, OperationKind, OperationRequest, Outcome
from rtmanager.domain.operations.admission import Judge
from rtmanager.domain.operations.context import OperationContext
from rtmanager.domain.operations.in_flight import InFlight, beside, undisturbed
from rtmanager.domain.operations.interpreter import Interpreter
from rtmanager.domain.operations.kinds import KINDS
from rtmanager.domain.operations.observer import Observer
from rtmanager.domain.operations.operation_line import learn, operation_line
from rtmanager.domain.operations.rule import Current
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.engine_probe import EngineProbe
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLease, GameLeases, LeaseBusy, LeaseLost
from rtmanager.domain.ports.operation_journal import (
    Begun,
    OperationJournal,
    OperationStillOpen,
)
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

logger = logging.getLogger(__name__)

B = TypeVar("B", Begun, Begun | None)
R = TypeVar("R")

RESUMPTION_POLL = 0.05


class LeaseOutnumbered(LeaseLost):
    """a later lease on this game was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Begins operations and sees to it that they go on.

    `lease_wait` is how long a request waits for others on its game, in seconds. With
    `probes_before_patch` a patch asks the old engine how it is, which chooses the new one's gate.
    """

    leases: GameLeases
    records: RuntimeRecords
    journal: OperationJournal
    observer: Observer
    probe: EngineProbe
    interpreter: Interpreter
    clock: Clock
    in_flight: InFlight
    lease_wait: float
    probes_before_patch: bool = True

    async def run(self, request: OperationRequest, *, wait: float | None = None) -> RuntimeRecord:
        """Carry the request out and return the game's record.

        It goes on to its end when the caller is cancelled. Waits for other operations on the game,
        also for one that a dead process left, which it sets going. Raises what the rule or the
        operation ends with, LeaseBusy when others still work on the game after `wait` seconds, and
        DockerUnavailable or ServiceUnavailable when the operation stays open.
        """
        patience = self.lease_wait if wait is None else wait
        name = f"{request.kind} {request.game_id}"
        record = await self.in_flight.run(self._wait_and_run(request, patience), name=name)
        if record is None:
            raise InternalError(f"{name} ended without a record")
        return record

    async def under_lease(
        self, game_id: GameId, work: Callable[[GameLease], Awaitable[R]], *, wait: float
    ) -> R:
        """Do the work under the game's lease; once more when its number was not the latest.

        Raises LeaseBusy when others hold the lease for longer than `wait` seconds.
        """
        above = NO_LEASE
        while True:
            try:
                async with self.leases.hold(game_id, wait=wait, above=above) as lease:
                    return await work(lease)
            except LeaseOutnumbered as outnumbered:
                above = outnumbered.highest

    async def run_under(self, lease: GameLease, request: OperationRequest) -> RuntimeRecord | None:
        """Carry the request out under a lease that the caller holds; return the record, if any.

        Raises OperationStillOpen when an earlier operation must go on first, LeaseOutnumbered when
        the lease is not the latest.
        """
        with operation_line(request, self.clock) as line:
            judge = await self._judge(request)
            begun = await self._begin(lease, request, judge)
            learn(line, begun.operation)
            if judge.refusal is not None:
                raise judge.refusal
            if begun.operation.outcome is not None:
                return begun.record
            completion = await self.interpreter.run(_context(lease, begun))
            return _record_of(completion)

    async def resume(self, game_id: GameId) -> None:
        """Carry the game's open operation on, if it has one and nobody is at it; wait for its end.

        Callers of one process share one attempt. Raises DockerUnavailable or ServiceUnavailable
        when it stays open; how it ends otherwise is in the operation log only.
        """
        await asyncio.shield(self.resume_in_background(game_id))

    def resume_in_background(self, game_id: GameId) -> "asyncio.Task[None]":
        """Let the game's open operation go on, and return the task that sees to it."""
        return self.in_flight.share(lambda: self._resume(game_id), name=f"resume {game_id}")

    async def _wait_and_run(self, request: OperationRequest, wait: float) -> RuntimeRecord | None:
        deadline, above = self.clock.monotonic() + wait, NO_LEASE
        while True:
            try:
                left = max(0.0, deadline - self.clock.monotonic())
                async with self._lease_for(request, wait=left, above=above) as lease:
                    return await self.run_under(lease, request)
            except LeaseOutnumbered as outnumbered:
                above = outnumbered.highest
            except OperationStillOpen:
                await self._let_earlier_go_on(request, deadline)

    @contextlib.asynccontextmanager
    async def _lease_for(
        self, request: OperationRequest, *, wait: float, above: LeaseNumber
    ) -> AsyncIterator[GameLease]:
        """Hold the lease of a request's game; when none can be had, the request is refused."""
        async with contextlib.AsyncExitStack() as held:
            try:
                lease = await held.enter_async_context(
                    self.leases.hold(request.game_id, wait=wait, above=above)
                )
            except LeaseBusy as busy:
                raise await self._refused(request, busy) from None
            except ServiceUnavailable as away:
                raise await self._refused_for_now(request, away) from away
            yield lease

    async def _let_earlier_go_on(self, request: OperationRequest, deadline: float) -> None:
        """Wait for the open operation like for any other; return when it may have ended.

        What keeps it open refuses the request.
        """
        earlier = self.resume_in_background(request.game_id)
        while not earlier.done():
            if self.clock.monotonic() >= deadline:
                raise await self._refused(request, LeaseBusy())
            await self.clock.sleep(RESUMPTION_POLL)
        trouble = None if earlier.cancelled() else earlier.exception()
        if trouble is None:
            return
        known = trouble if isinstance(trouble, RuntimeManagerError) else InternalError()
        raise await self._refused_for_now(request, known) from trouble

    async def _resume(self, game_id: GameId) -> None:
        with contextlib.suppress(LeaseBusy):  # whoever holds it is at it
            await self.under_lease(
                game_id, lambda lease: self._take_over(lease, game_id), wait=self.lease_wait
            )

    async def _take_over(self, lease: GameLease, game_id: GameId) -> None:
        begun = await self._unless_outnumbered(
            lease, self.journal.take_over(game_id, lease=lease.number)
        )
        if begun is None:
            return
        with operation_line(begun.operation.request, self.clock) as line:
            learn(line, begun.operation)
            line["resumed"] = True
            completion = await self.interpreter.run(_context(lease, begun))
            line["outcome"] = completion.outcome
            line["error_code"] = completion.cause and completion.cause.code

    async def _judge(self, request: OperationRequest) -> Judge:
        """Look at what the rule needs to see."""
        kind, record = KINDS[request.kind], await self.records.get(request.game_id)
        runs = record is not None and record.status is RuntimeStatus.RUNNING
        looks = kind.replaces or (request.kind is OperationKind.STOP and runs)
        current = await self.observer.current(record) if looks else Current()
        judge = Judge(request, record, current, healthy=False, at=self.clock.now())
        if runs and request.kind is OperationKind.PATCH and judge.would_go_on():
            await self._ask_the_engine(judge)
        return judge

    async def _ask_the_engine(self, judge: Judge) -> None:
        """Learn how the engine is; nothing is concluded from not being able to ask.

        One without an address here counts as healthy: then the new one must prove itself.
        """
        container = judge.current.container
        if not self.probes_before_patch or container is None:
            return
        if container.address is None:
            judge.healthy = True
            return
        answer = await self.probe.check(container.address)
        judge.healthy = answer.healthy
        if answer.is_unknown:
            words = f"the engine could not be asked how it is: {answer.error}; try again"
            judge.current = Current(trouble=ServiceUnavailable(words))

    async def _begin(self, lease: GameLease, request: OperationRequest, judge: Judge) -> Begun:
        return await self._unless_outnumbered(
            lease, self.journal.begin(request, judge, lease=lease.number, at=judge.at)
        )

    async def _unless_outnumbered(self, lease: GameLease, work: Coroutine[Any, Any, B]) -> B:
        beginning = beside(work)
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            await undisturbed(self._hand_over(lease, beginning))
            raise
        except LeaseLost as lost:
            if lost.highest > lease.number:
                raise LeaseOutnumbered(highest=lost.highest) from lost
            raise

    async def _hand_over(self, lease: GameLease, beginning: Awaitable[Begun | None]) -> None:
        """Leave to the next holder what we were about to carry on; nobody is lost with it."""
        try:
            begun = await beginning
            if begun is not None and begun.operation.outcome is None:
                await self.journal.hand_over(begun.operation, lease=lease.number)
        except RuntimeManagerError as trouble:
            logger.warning("beginning_not_handed_over", extra={"error": trouble.message})

    async def _refused_for_now(
        self, request: OperationRequest, error: RuntimeManagerError
    ) -> RuntimeManagerError:
        """Write the refusal and return it, unless the request comes again by itself.

        Such a one is left without an outcome, because its trouble may be over by then.
        """
        return error if request.origin.comes_again else await self._refused(request, error)

    async def _refused(
        self, request: OperationRequest, error: RuntimeManagerError
    ) -> RuntimeManagerError:
        """Write the refusal of a request that could not begin, and return it."""
        with operation_line(request, self.clock) as line:
            completion = refused(error, at=self.clock.now())
            await self.journal.refuse(request, completion, announcements(request, completion))
            line |= {"outcome": Outcome.FAILURE, "error_code": error.code, "error": error.message}
        return error


def _context(lease: GameLease, begun: Begun) -> OperationContext:
    return OperationContext(operation=begun.operation, record=begun.record, lease=lease)


def _record_of(completion: Completion) -> RuntimeRecord | None:
    """Return the record, or raise what the operation failed with."""
    if completion.outcome is Outcome.FAILURE and completion.cause is not None:
        raise error_of(completion.cause.code, completion.cause.message)
    return completion.record
