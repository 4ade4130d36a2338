"""Answering requests: deciding on them together, and running the one that is more than a reply."""

import asyncio
import logging
from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rtmanager.domain.concurrency import detached, shielded
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OperationRequest
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
from rtmanager.domain.ports.game_lease import GameLease, LeaseLost
from rtmanager.domain.ports.operation_journal import (
    Begun,
    JobAlreadyRecorded,
    Ledger,
    OperationJournal,
    OperationStillOpen,
)
from rtmanager.domain.ports.tracing import NO_TRACING, Tracing
from rtmanager.domain.runtime import RuntimeRecord

logger = logging.getLogger(__name__)

T = TypeVar("T")


class LeaseSuperseded(LeaseLost):
    """a later lease on this game is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Decides on requests and runs their operations; who waits for the lease is `Operations`."""

    journal: OperationJournal
    prepare_checks: PrepareChecks
    interpreter: Interpreter
    clock: Clock
    refusals: Refusals
    tracing: Tracing = NO_TRACING

    async def conclude(
        self, requests: Sequence[OperationRequest], *, since: float
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

    async def take_over(self, lease: GameLease, game_id: GameId) -> None:
        """Run the game's open operation to its end, if there is one.

        Raises DockerUnavailable or ServiceUnavailable when it stays open, LeaseSuperseded.
        """
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

    async def run_next(
        self, lease: GameLease, requests: Sequence[OperationRequest], *, since: float | None = None
    ) -> Sequence[Answer]:
        """Decide on the requests together up to the first that is admitted, and run that one.

        `since` is when the requests began to wait for it, by the monotonic clock. What happens
        before the decision belongs to the trace and to the log line of the first request. Raises
        OperationStillOpen when an earlier operation must be resumed first, LeaseSuperseded.
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
