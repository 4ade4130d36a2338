"""Gathering what the rules of a game's next requests need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import takewhile

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
        decidable = attempts if current.error is None else attempts[:1]
        checks = [self._prepare_check(each.request, record, current, at) for each in decidable]
        for attempt, check in zip(decidable, checks, strict=True):
            attempt.decide_by(check)
            is_patch = check.request.kind is OperationKind.PATCH
            if is_patch and _runs(record) and check.would_be_admitted():
                await self._probe_engine(check)
        return checks

    async def without_effect(self, requests: Sequence[OperationRequest]) -> Sequence[RuleCheck]:
        """Gather what the first requests need that change nothing, as the record alone shows.

        That is none when the first one may begin, or its rule asks what runs.
        """
        if not KINDS[requests[0].kind].needs_record:
            return []
        record = await self.records.get(requests[0].game_id)
        at = self.clock.now()
        checks = (self._prepare_check(each, record, Current(), at) for each in requests)
        return list(takewhile(_changes_nothing, checks))

    def _prepare_check(
        self,
        request: OperationRequest,
        record: RuntimeRecord | None,
        current: Current,
        at: datetime,
    ) -> RuleCheck:
        return RuleCheck(
            request,
            record,
            current,
            healthy=False,
            at=at,
            allowed_images=self.allowed_images,
            may_record=partial(self.refusals.may_record_new, request),
        )

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


def _changes_nothing(check: RuleCheck) -> bool:
    """Return whether the request is refused or a replay whatever its container does."""
    record = check.expected
    has_container = record is not None and record.current_container_id is not None
    if has_container and _needs_container(check.request, record):
        return False
    return not check.would_be_admitted()


def _runs(record: RuntimeRecord | None) -> bool:
    return record is not None and record.status is RuntimeStatus.RUNNING
