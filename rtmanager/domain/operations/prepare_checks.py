"""Gathering what the rules of a game's next requests need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rtmanager.domain.allowed_images import AllowedImages
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.operation import OperationKind, OperationRequest
from rtmanager.domain.operations.admission import RuleCheck
from rtmanager.domain.operations.attempt import Attempt
from rtmanager.domain.operations.decision import Current
from rtmanager.domain.operations.kinds import KINDS
from rtmanager.domain.operations.observer import Observer
from rtmanager.domain.operations.refusals import Refusals
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.engine_probe import EngineProbe
from rtmanager.domain.ports.runtime_records import RuntimeRecords
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareChecks:
    """Reads the record and observes its container, once for all requests that are decided together.

    Requests for other images than the `allowed_images` are refused. With `probes_before_patch` a
    patch probes the old engine, and the result decides the gate of the new one.
    """

    records: RuntimeRecords
    observer: Observer
    probe: EngineProbe
    clock: Clock
    allowed_images: AllowedImages
    refusals: Refusals
    probes_before_patch: bool = True

    async def run(self, attempts: Sequence[Attempt]) -> Sequence[RuleCheck]:
        """Gather what the rules need: one record and one observation for all attempts.

        An observation that failed counts for one only: the next may succeed.
        """
        record = await self.records.get(attempts[0].request.game_id)
        needs_container = any(_needs_container(each.request, record) for each in attempts)
        current = await self.observer.current(record) if needs_container else Current()
        at = self.clock.now()
        checks = [
            self._prepare_check(each, record, current, at)
            for each in (attempts if current.error is None else attempts[:1])
        ]
        for check in checks:
            is_patch = check.request.kind is OperationKind.PATCH
            if is_patch and _runs(record) and check.would_be_admitted():
                await self._probe_engine(check)
        return checks

    def _prepare_check(
        self, attempt: Attempt, record: RuntimeRecord | None, current: Current, at: datetime
    ) -> RuleCheck:
        attempt.check = RuleCheck(
            attempt.request,
            record,
            current,
            healthy=False,
            at=at,
            allowed_images=self.allowed_images,
            may_record=partial(self.refusals.may_record_new, attempt.request),
            trace_id=attempt.trace.trace_id,
        )
        return attempt.check

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


def _needs_container(request: OperationRequest, record: RuntimeRecord | None) -> bool:
    """Return whether the request's rule asks what runs."""
    kind = KINDS[request.kind]
    return kind.replaces or (kind.needs_engine and _runs(record))


def _runs(record: RuntimeRecord | None) -> bool:
    return record is not None and record.status is RuntimeStatus.RUNNING
