"""The interpreter of every operation: observe, decide, write ahead, act, until it is complete.

It does not depend on the kind of operation and keeps nothing that is not written ahead. The process
may be killed between any two awaits: the next holder of the game's lease resumes from an
observation.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from rtmanager.domain.completion import Completion
from rtmanager.domain.concurrency import shielded
from rtmanager.domain.container import ContainerId
from rtmanager.domain.errors import (
    DockerUnavailable,
    ErrorCode,
    InternalError,
    RuntimeManagerError,
    ServiceUnavailable,
)
from rtmanager.domain.health_report import log_health_event
from rtmanager.domain.messages import announcements
from rtmanager.domain.operation import (
    Action,
    ActionName,
    Cause,
    OperationKind,
    OperationRequest,
    Step,
    StepResult,
)
from rtmanager.domain.operations.decision import RollBack
from rtmanager.domain.operations.early_reads import EarlyReads
from rtmanager.domain.operations.executor import Executor
from rtmanager.domain.operations.exit_reading import LOG_TAIL_LINES, ReadExit
from rtmanager.domain.operations.kinds import KINDS, decide
from rtmanager.domain.operations.last_observations import LastObservations
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.observer import Observer, OperationContext
from rtmanager.domain.operations.report import details_of, log_fields, observation_of
from rtmanager.domain.operations.step_progress import StepProgress
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.container_host import ContainerHost, HostRefused
from rtmanager.domain.ports.game_lease import LeaseLost
from rtmanager.domain.ports.operation_journal import OperationJournal
from rtmanager.domain.ports.tracing import NO_TRACING, Tracing

logger = logging.getLogger(__name__)

LAST_LINE = 500
"""Maximum length of an engine's last line in a message; the operation's row has all of it."""
STORE_RETRY_LIMIT = 60.0
"""Seconds for which a write is retried while the store is unavailable and the lease is held."""
STORE_PAUSE = 0.5

_UNKNOWN = (DockerUnavailable, ServiceUnavailable)
"""Errors that leave the result of an action unknown; any other error is a refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """Runs operations to completion, including those that another process began."""

    journal: OperationJournal
    host: ContainerHost
    observer: Observer
    executor: Executor
    read_exit: ReadExit
    last: LastObservations
    clock: Clock
    tracing: Tracing = NO_TRACING

    async def run(self, context: OperationContext) -> Completion:
        """Run the operation to completion, commit that and return it.

        Raises DockerUnavailable or ServiceUnavailable when a dependency does not answer: the
        operation then stays open and has been handed over. Raises LeaseLost when another holder has
        resumed it.
        """
        async with self._handed_over(context):
            while True:
                decision = decide(context.operation, await self._observe(context))
                if isinstance(decision, Completion):
                    return await self._finish(context, decision)
                if isinstance(decision, RollBack):
                    await self._roll_back(context, decision)
                elif context.error is not None and _still_needs(context, decision):
                    raise context.error
                elif decision.name is ActionName.START:
                    await self._act_in_turn(context, decision)
                else:
                    await self._act(context, decision)

    def read_early(self, early: EarlyReads, request: OperationRequest) -> None:
        """Begin what the operation will read first if its request is admitted.

        Only of those that replace a container: they observe it again before their outcome.
        """
        if KINDS[request.kind].replaces:
            reads = self.observer.early_reads(request.game_id)
            early.begin(self.last.moment(), reads | self.executor.early_reads(request))

    async def _observe(self, context: OperationContext) -> Observation:
        if not context.is_fresh:
            context.observed = context.early.moment or self.last.moment()
        return await self.observer.observe(context)

    @asynccontextmanager
    async def _handed_over(self, context: OperationContext) -> AsyncIterator[None]:
        """Hand the operation over if the block cannot complete it."""
        try:
            yield
        except LeaseLost:
            # This process is alive, but without a handover the next holder would count it as lost.
            await shielded(self._hand_over(context))
            raise
        except RuntimeManagerError as error:
            await shielded(self._hand_over(context))
            sentence = f"operation {context.operation.id} stays open and is resumed automatically"
            raise error.extended(sentence) from error
        except asyncio.CancelledError:
            await shielded(self._hand_over(context))
            raise
        except Exception as defect:
            # Not handed over: every holder that fails like this counts as lost, up to the limit.
            logger.exception("operation_failed", extra=log_fields(context.operation.request))
            raise InternalError from defect

    async def _act_in_turn(self, context: OperationContext, action: Action) -> None:
        """Wait for the start's turn; the operation is handed over while it waits."""
        if self.host.starts_wait:
            await self._persistently(
                context,
                lambda: self.journal.hand_over(context.operation, lease=context.lease.number),
            )
        try:
            async with self.host.turn():
                await self._act(context, action)
                if isinstance(context.error, DockerUnavailable):
                    raise context.error  # the queued starts then check that Docker answers
        except DockerUnavailable as error:
            if error is not context.error:
                raise

    async def _act(self, context: OperationContext, action: Action) -> None:
        """Write the action ahead, perform it, and keep its result."""
        began, started_at = self.clock.monotonic(), self.clock.now()
        context.error, context.is_fresh, before = None, False, context.operation
        context.operation = context.operation.acting(action, at=started_at)
        step = context.operation.steps[-1]
        try:
            is_brief = await self.executor.is_brief(context, action)
            # An answer of the engine does not show its container, which is observed once more.
            context.is_fresh = is_brief and action.name is not ActionName.WATCH_GATE
            if not is_brief:
                context.early.end()
                await self._write_ahead(context)
            with self.tracing.step(context.operation, action):
                note = await self._perform(context, action)
        except LeaseLost:
            context.operation = before  # only writing ahead needs the lease: nothing was sent
            raise
        except _UNKNOWN as error:
            context.error = error  # the next observation shows whether it happened
            self._answered(context, _failed(step, StepResult.UNKNOWN, error), began)
        except RuntimeManagerError as refusal:
            self._answered(context, _failed(step, StepResult.REFUSED, refusal), began)
        except Exception:
            logger.exception("action_failed", extra=log_fields(context.operation.request))
            self._answered(context, _failed(step, StepResult.REFUSED, InternalError()), began)
        else:
            self._answered(context, replace(step, result=StepResult.DONE, note=note), began)

    async def _perform(self, context: OperationContext, action: Action) -> str | None:
        """Perform the action; what it says meanwhile is written into the note of its step."""
        progress = StepProgress(context, self.journal, self.clock)
        try:
            return await self.executor.perform(context, action, progress.say)
        finally:
            await progress.close()

    def _answered(self, context: OperationContext, step: Step, began: float) -> None:
        milliseconds = round((self.clock.monotonic() - began) * 1000, 3)
        context.operation = context.operation.acted(replace(step, duration_ms=milliseconds))

    async def _roll_back(self, context: OperationContext, decision: RollBack) -> None:
        """Write ahead that the operation rolls back, and why."""
        cause = _in_the_contract(context, decision.cause)
        if decision.logs_of is not None:
            cause = await self._with_log_tail(cause, decision.logs_of)
        context.operation = context.operation.rolled_back(cause)
        await self._write_ahead(context)

    async def _with_log_tail(self, cause: Cause, container_id: ContainerId) -> Cause:
        """Add the container's last output to the cause, if Docker returns it."""
        try:
            log_tail = await self.host.logs(container_id, lines=LOG_TAIL_LINES)
        except (DockerUnavailable, HostRefused) as error:
            logger.warning("logs_not_read", extra={"error": error.message})
            return cause
        last = f"; its last output: {log_tail[-1][:LAST_LINE]}" if log_tail else ""
        return replace(cause, message=f"{cause.message}{last}", log_tail=log_tail)

    async def _write_ahead(self, context: OperationContext) -> None:
        await self._persistently(
            context,
            lambda: self.journal.save(context.operation, lease=context.lease.number),
        )

    async def _finish(self, context: OperationContext, completion: Completion) -> Completion:
        """Commit the outcome, then remove the leftover containers."""
        ended = replace(
            completion,
            details=details_of(context, completion, await self.read_exit.run(context, completion)),
            observation=observation_of(context, completion),
        )
        is_new_game = context.record is None
        messages = announcements(context.operation.request, ended, is_new_game=is_new_game)
        await self._persistently(
            context,
            lambda: self.journal.finish(
                context.operation, ended, messages, lease=context.lease.number
            ),
        )
        self.last.note(context, ended)
        for event in ended.events:
            log_health_event(event)
        for leftover in ended.leftovers:
            await self._remove_leftover(context, leftover)
        return ended

    async def _remove_leftover(self, context: OperationContext, leftover: ContainerId) -> None:
        """Remove the container; one that cannot be removed is left to the reconciler."""
        try:
            await self.host.remove(leftover)
        except (DockerUnavailable, HostRefused) as error:
            about = {"container_id": leftover, "error": error.message}
            logger.warning(
                "leftover_not_removed", extra=log_fields(context.operation.request) | about
            )

    async def _persistently(
        self, context: OperationContext, write: Callable[[], Awaitable[None]]
    ) -> None:
        """Write to the store, retrying while it is unavailable and the lease is held."""
        give_up = self.clock.monotonic() + STORE_RETRY_LIMIT
        while True:
            context.lease.check()
            try:
                return await write()
            except LeaseLost:
                raise
            except ServiceUnavailable:
                if self.clock.monotonic() >= give_up:
                    raise
            await self.clock.sleep(STORE_PAUSE)

    async def _hand_over(self, context: OperationContext) -> None:
        """Hand the operation over; if that fails, this process counts as lost."""
        try:
            await self.journal.hand_over(context.operation, lease=context.lease.number)
        except RuntimeManagerError as error:
            about = {"error": error.message}
            logger.warning(
                "operation_not_handed_over", extra=log_fields(context.operation.request) | about
            )


def _still_needs(context: OperationContext, decision: Action) -> bool:
    """Return whether the operation still waits for an effect whose result is unknown.

    That includes a start whose container is about to be replaced, so that a late start finds none.
    """
    sent = context.operation.steps[-1].action
    replaced = sent.name is ActionName.START and decision.name is ActionName.REMOVE
    return decision == sent or (replaced and decision.container_id == sent.container_id)


def _failed(step: Step, result: StepResult, error: RuntimeManagerError) -> Step:
    return replace(
        step, result=result, error_code=error.code, error=error.message, detail=error.detail
    )


def _in_the_contract(context: OperationContext, cause: Cause) -> Cause:
    """Return the cause with a code that the contract allows for the kind.

    The contract has no 400 for a restart, whose request has nothing that could be wrong.
    """
    is_restart = context.operation.kind is OperationKind.RESTART
    if is_restart and cause.code is ErrorCode.START_CONFIG_INVALID:
        return replace(cause, code=ErrorCode.CONTAINER_START_FAILED)
    return cause
