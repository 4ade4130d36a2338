"""The one entry point for every operation, from REST, jobs and workers alike."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from rtmanager.domain.allowed_images import AllowedImages
from rtmanager.domain.completion import Completion
from rtmanager.domain.concurrency import InFlight, detached, shielded
from rtmanager.domain.errors import (
    InternalError,
    RuntimeManagerError,
    ServiceUnavailable,
    error_of,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import LeaseNumber, OperationKind, OperationRequest, Outcome
from rtmanager.domain.operations.admission import RuleCheck
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.interpreter import Interpreter
from rtmanager.domain.operations.kinds import KINDS
from rtmanager.domain.operations.observer import Observer, OperationContext
from rtmanager.domain.operations.refusals import Refusals
from rtmanager.domain.operations.report import (
    LogFields,
    add_engines,
    add_operation,
    log_started,
    logged_operation,
)
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.engine_probe import EngineProbe
from rtmanager.domain.ports.game_lease import NO_LEASE, GameLease, GameLeases, LeaseBusy, LeaseLost
from rtmanager.domain.ports.operation_journal import (
    Begun,
    OperationJournal,
    OperationStillOpen,
)
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.ports.tracing import NO_TRACING, Tracing
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

logger = logging.getLogger(__name__)

B = TypeVar("B", Begun, Begun | None)
R = TypeVar("R")

RESUMPTION_POLL = 0.05


class LeaseSuperseded(LeaseLost):
    """a later lease on this game is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Begins operations and resumes open ones.

    Requests for other images than the `allowed_images` are refused. `lease_wait` is how many
    seconds a request waits for other operations on its game. With `probes_before_patch` a patch
    probes the old engine, and the result decides the gate of the new one.
    """

    leases: GameLeases
    records: RuntimeRecords
    journal: OperationJournal
    observer: Observer
    probe: EngineProbe
    interpreter: Interpreter
    clock: Clock
    in_flight: InFlight
    allowed_images: AllowedImages
    refusals: Refusals
    lease_wait: float
    probes_before_patch: bool = True
    tracing: Tracing = NO_TRACING

    async def run(self, request: OperationRequest, *, wait: float | None = None) -> RuntimeRecord:
        """Run the request's operation and return the game's record.

        The operation continues even if the caller is cancelled. Waits for other operations on the
        game, resuming one that a dead process left open. Raises the refusal or failure of the
        operation, LeaseBusy when the game is still busy after `wait` seconds, and DockerUnavailable
        or ServiceUnavailable when the operation stays open.
        """
        limit = self.lease_wait if wait is None else wait
        name = f"{request.kind} {request.game_id}"
        record = await self.in_flight.run(self._wait_and_run(request, limit), name=name)
        if record is None:
            raise InternalError(f"{name} ended without a record")
        return record

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

    async def run_under(
        self, lease: GameLease, request: OperationRequest, *, since: float | None = None
    ) -> RuntimeRecord | None:
        """Run the request's operation under the caller's lease; return the record, if any.

        `since` is when the request began to wait for it, by the monotonic clock.

        Raises OperationStillOpen when an earlier operation must be resumed first, LeaseSuperseded
        when the lease is not the latest.
        """
        with (
            self.tracing.operation(request),
            logged_operation(request, self.clock, since=since) as line,
        ):
            check = await self._prepare_check(request)
            begun = await self._begin(lease, request, check, line)
            add_operation(line, begun)
            if check.refusal is not None:
                raise check.refusal
            if begun.operation.outcome is not None:
                return begun.record
            log_started(line)
            completion = await self.interpreter.run(_context(lease, begun))
            add_engines(line, completion)
            return _record_of(completion)

    async def resume(self, game_id: GameId) -> None:
        """Resume the game's open operation, unless another holder has it, and wait for its end.

        Callers in one process share one attempt. Raises DockerUnavailable or ServiceUnavailable
        when it stays open; any other outcome is only in the operation log.
        """
        await asyncio.shield(self.resume_in_background(game_id))

    def resume_in_background(self, game_id: GameId) -> "asyncio.Task[None]":
        """Resume the game's open operation in a task and return the task."""
        return self.in_flight.share(lambda: self._resume(game_id), name=f"resume {game_id}")

    async def _wait_and_run(self, request: OperationRequest, wait: float) -> RuntimeRecord | None:
        began, above = self.clock.monotonic(), NO_LEASE
        deadline = began + wait
        while True:
            try:
                left = max(0.0, deadline - self.clock.monotonic())
                async with self._lease_for(request, began, wait=left, above=above) as lease:
                    return await self.run_under(lease, request, since=began)
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
                game_id, lambda lease: self._take_over(lease, game_id), wait=self.lease_wait
            )

    async def _take_over(self, lease: GameLease, game_id: GameId) -> None:
        begun = await self._unless_superseded(
            lease, self.journal.take_over(game_id, lease=lease.number)
        )
        if begun is None:
            return
        with (
            self.tracing.resumption(begun.operation),
            logged_operation(begun.operation.request, self.clock) as line,
        ):
            add_operation(line, begun)
            line["resumed"] = True
            log_started(line)
            completion = await self.interpreter.run(_context(lease, begun))
            add_engines(line, completion)
            line["outcome"] = completion.outcome
            line["error_code"] = completion.cause and completion.cause.code
            if completion.cause and completion.cause.detail:
                line["error_detail"] = completion.cause.detail

    async def _prepare_check(self, request: OperationRequest) -> RuleCheck:
        """Gather what the rule needs."""
        kind, record = KINDS[request.kind], await self.records.get(request.game_id)
        runs = record is not None and record.status is RuntimeStatus.RUNNING
        needs_container = kind.replaces or (kind.needs_engine and runs)
        current = await self.observer.current(record) if needs_container else Current()
        check = RuleCheck(
            request,
            record,
            current,
            healthy=False,
            at=self.clock.now(),
            allowed_images=self.allowed_images,
            may_record=partial(self.refusals.may_record_new, request),
        )
        if runs and request.kind is OperationKind.PATCH and check.would_be_admitted():
            await self._probe_engine(check)
        return check

    async def _probe_engine(self, check: RuleCheck) -> None:
        """Note whether the engine is healthy; refuse the request if it cannot be probed.

        An engine without an address counts as healthy, so that the new one must pass the gate.
        """
        container = check.current.container
        if not self.probes_before_patch or container is None:
            return
        if container.address is None:
            check.healthy = True
            return
        answer = await self.probe.check(container.address)
        check.healthy = answer.healthy
        if answer.is_unknown:
            words = f"the health of the engine is unknown: {answer.error}; try again"
            check.current = Current(error=ServiceUnavailable(words))

    async def _begin(
        self, lease: GameLease, request: OperationRequest, check: RuleCheck, line: LogFields
    ) -> Begun:
        try:
            return await self._unless_superseded(
                lease, self.journal.begin(request, check, lease=lease.number, at=check.at)
            )
        except RuntimeManagerError as error:
            if error is check.refusal:
                self.refusals.note_unrecorded(line)
            raise

    async def _unless_superseded(self, lease: GameLease, work: Coroutine[Any, Any, B]) -> B:
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

    async def _hand_over(self, lease: GameLease, beginning: Awaitable[Begun | None]) -> None:
        """Hand over the operation that this caller was about to run: no process was lost."""
        try:
            begun = await beginning
            if begun is not None and begun.operation.outcome is None:
                await self.journal.hand_over(begun.operation, lease=lease.number)
        except RuntimeManagerError as error:
            logger.warning("begin_not_handed_over", extra={"error": error.message})


def _context(lease: GameLease, begun: Begun) -> OperationContext:
    return OperationContext(operation=begun.operation, record=begun.record, lease=lease)


def _record_of(completion: Completion) -> RuntimeRecord | None:
    """Return the record, or raise the error that the operation failed with."""
    if completion.outcome is Outcome.FAILURE and completion.cause is not None:
        cause = completion.cause
        raise error_of(cause.code, cause.message, detail=cause.detail)
    return completion.record
