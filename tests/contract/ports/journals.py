"""Steps for the tests of the operation journal."""

from collections.abc import Sequence
from typing import Any

from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.operation import LeaseNumber, Operation, Predecessor
from rtmanager.domain.ports.operation_journal import Admission, Ledger
from tests.builders import LEASE, NOON, make_completion, make_request
from tests.contract.ports.stores import Store
from tests.support.applicants import Admit, begin_one

EARLIER = LeaseNumber(LEASE - 1)
LATER = LeaseNumber(LEASE + 1)


def recording_rule(seen: list[Ledger]) -> Admit:
    """Return a rule that admits every request and records what it was shown."""

    def admit(ledger: Ledger) -> Admission:
        seen.append(ledger)
        return Admission()

    return admit


async def begin(
    store: Store,
    *,
    lease: LeaseNumber = LEASE,
    predecessor: Predecessor | None = None,
    **request: Any,
) -> Operation:
    """Begin an operation."""
    begun = await begin_one(
        store.journal,
        make_request(**request),
        lambda _: Admission(predecessor=predecessor),
        lease=lease,
        at=NOON,
    )
    return begun.operation


async def finish(
    store: Store,
    operation: Operation,
    messages: Sequence[OutboxMessage] = (),
    *,
    lease: LeaseNumber = LEASE,
    **completion: Any,
) -> None:
    """Finish an operation."""
    await store.journal.finish(operation, make_completion(**completion), messages, lease=lease)
