"""The one entry point for every operation, from REST, jobs and workers alike."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rtmanager.domain.concurrency import InFlight, detached, shielded
from rtmanager.domain.errors import (
    InternalError,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber, OperationRequest
from rtmanager.domain.operations.admission import RuleCheck
from rtmanager.domain.operations.attempt import Answer, Attempt, record_of
from rtmanager.domain.operations.early_reads import EarlyReads
from rtmanager.domain.operations.interpreter import Interpreter
from rtmanager.domain.operations.observer import OperationContext
from rtmanager.domain.operations.prepare_checks import PrepareChecks
from rtmanager.domain.operations.refusals import Refusals
from rtmanager.domain.operations.report import (
    LogFields,
    add_engines,
    add_operation,
    log_started,
    logged_operation,
)
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLease, GameLeases, LeaseBusy, LeaseLost
from rtmanager.domain.ports.operation_journal import (
    Begun,
    JobAlreadyRecorded,
    Ledger,
    OperationJournal,
    OperationStillOpen,
)
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.ports.tracing import NO_TRACING, Tracing
from rtmanager.domain.runtime import RuntimeRecord

logger = logging.getLogger(__name__)

R = TypeVar("R")
T = TypeVar("T")

RESUMPTION_POLL = 0.05


class LeaseSuperseded(LeaseLost):
    """a later lease on this game is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Begins operations and resumes open ones.

    `lease_wait` is how many seconds a request waits for other operations on its game.
    """

    leases: GameLeases
    records: RuntimeRecords
    journal: OperationJournal
    prepare_checks: PrepareChecks
    interpreter: Interpreter
    clock: Clock
    in_flight: InFlight
    refusals: Refusals
    lease_wait: float
    tracing: Tracing = NO_TRACING

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
        (answer,) = await self._run_next_under(lease, [request])
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
        if concluded := await self._conclude(requests, began):
            return concluded
        deadline = began + wait
        while True:
            try:
                left = max(0.0, deadline - self.clock.monotonic())
                async with self._lease_for(request, began, wait=left, above=above) as lease:
                    return await self._run_next_under(lease, requests, since=began)
            except LeaseSuperseded as superseded:
                above = superseded.highest
            except OperationStillOpen:
                await self._resume_earlier(request, began, deadline)

    async def _conclude(
        self, requests: Sequence[OperationRequest], since: float
    ) -> Sequence[Answer]:
        """Answer the first requests that change nothing, without the lease; maybe none.

        They wait for it like all others while an operation is open, or if the record changes.
        """
        try:
            checks = await self.prepare_checks.without_effect(requests)
        except RuntimeManagerError:
            with self._attempt(requests[0], since).followed(self.clock):
                raise
        if not checks:
            return []
        attempts = [self._attempt(each.request, since, each) for each in checks]
        try:
            concluded = await self._followed(attempts[0], self._concluded(checks))
        except (OperationStillOpen, JobAlreadyRecorded):
            return []
        return [
            await self._answer(None, attempt, each)
            for attempt, each in zip(attempts, concluded, strict=True)
        ]

    async def _concluded(self, checks: Sequence[RuleCheck]) -> Sequence[Begun]:
        record, at = checks[0].expected, checks[0].at
        decided = [(each.request, each(Ledger(record))) for each in checks]
        concluded = await self.journal.conclude(decided, record, at=at)
        if not concluded:
            raise OperationStillOpen
        return concluded

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
                game_id, lambda lease: self._take_over(lease, game_id), wait=self.lease_wait
            )

    async def _take_over(self, lease: GameLease, game_id: GameId) -> None:
        (begun,) = await self._unless_superseded(lease, self._taken_over(lease, game_id))
        if begun is None:
            return
        with (
            self.tracing.resumption(begun.operation),
            logged_operation(begun.operation.request, self.clock) as line,
        ):
            add_operation(line, begun)
            line["resumed"] = True
            log_started(line)
            context = _context(_Turn(lease, EarlyReads(self.clock)), begun)
            completion = await self.interpreter.run(context)
            add_engines(line, completion)
            line["outcome"] = completion.outcome
            line["error_code"] = completion.cause and completion.cause.code
            if completion.cause and completion.cause.detail:
                line["error_detail"] = completion.cause.detail

    async def _run_next_under(
        self, lease: GameLease, requests: Sequence[OperationRequest], *, since: float | None = None
    ) -> Sequence[Answer]:
        """Decide on the requests together up to the first that is admitted, and run that one.

        `since` is when the requests began to wait for it, by the monotonic clock. What happens
        before the decision belongs to the trace and to the log line of the first request.
        """
        attempts = [self._attempt(each, since) for each in requests]
        with EarlyReads(self.clock) as early:
            turn = _Turn(lease, early)
            begun = await self._followed(attempts[0], self._begin(turn, attempts))
            return [
                await self._answer(turn, attempt, each)
                for attempt, each in zip(attempts, begun, strict=False)
            ]

    def _attempt(
        self, request: OperationRequest, since: float | None, check: RuleCheck | None = None
    ) -> Attempt:
        attempt = Attempt(request, self.tracing.operation(request), since)
        if check is not None:
            attempt.decide_by(check)
        return attempt

    async def _answer(self, turn: "_Turn | None", attempt: Attempt, begun: Begun | None) -> Answer:
        try:
            with attempt.followed(self.clock) as line:
                return Answer(await self._complete(turn, attempt, begun, line))
        except RuntimeManagerError as error:
            return Answer(error=error, is_recorded=error is attempt.refusal)

    async def _complete(
        self, turn: "_Turn | None", attempt: Attempt, begun: Begun | None, line: LogFields
    ) -> RuntimeRecord | None:
        """Run the operation that was begun; return the record, or raise the refusal or failure.

        Without a turn none was begun.
        """
        if begun is None:
            raise JobAlreadyRecorded
        attempt.trace.recorded(begun.operation.id)
        add_operation(line, begun)
        if attempt.refusal is not None:
            raise attempt.refusal
        if turn is None or begun.operation.outcome is not None:
            return begun.record
        log_started(line)
        completion = await self.interpreter.run(_context(turn, begun))
        add_engines(line, completion)
        return record_of(completion)

    async def _begin(self, turn: "_Turn", attempts: Sequence[Attempt]) -> Sequence[Begun | None]:
        """Decide on the attempts; what the first reads of Docker if it is admitted begins then."""
        checks = await self.prepare_checks.run(attempts)
        if checks[0].would_be_admitted():
            self.interpreter.read_early(turn.early, checks[0].request)
        beginning = self.journal.begin(checks, lease=turn.lease.number, at=checks[0].at)
        return await self._unless_superseded(turn.lease, beginning)

    async def _followed(self, first: Attempt, deciding: Coroutine[Any, Any, T]) -> T:
        """Decide on attempts; what keeps them from a decision is the answer of the first."""
        try:
            with first.trace.current():
                return await deciding
        except BaseException as error:
            with first.followed(self.clock) as line:
                if error is first.refusal:
                    self.refusals.note_unrecorded(line)
                raise

    async def _taken_over(self, lease: GameLease, game_id: GameId) -> Sequence[Begun | None]:
        return [await self.journal.take_over(game_id, lease=lease.number)]

    async def _unless_superseded(
        self, lease: GameLease, work: Coroutine[Any, Any, Sequence[Begun | None]]
    ) -> Sequence[Begun | None]:
        beginning = detached(work)
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            await shielded(self._hand_over(lease, beginning))
            raise
        except LeaseLost as lost:
            if lost.highest > lease.number:
                raise LeaseSuperseded(highest=lost.highest) from lost
            raise

    async def _hand_over(
        self, lease: GameLease, beginning: Awaitable[Sequence[Begun | None]]
    ) -> None:
        """Hand over the operation that this caller was about to run: no process was lost."""
        try:
            for begun in await beginning:
                if begun is not None and begun.operation.outcome is None:
                    await self.journal.hand_over(begun.operation, lease=lease.number)
        except RuntimeManagerError as error:
            logger.warning("begin_not_handed_over", extra={"error": error.message})


@dataclass(frozen=True, slots=True)
class _Turn:
    """The lease under which operations run, and what they read of Docker early."""

    lease: GameLease
    early: EarlyReads


def _context(turn: _Turn, begun: Begun) -> OperationContext:
    return OperationContext(
        operation=begun.operation, record=begun.record, lease=turn.lease, early=turn.early
    )
