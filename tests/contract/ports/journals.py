"""What the tests of the operation journal ask of it."""

from collections.abc import Sequence
from typing import Any

from rtmanager.domain.messages import OutboxMessage
from rtmanager.domain.operation import LeaseNumber, Operation, Predecessor
from rtmanager.domain.ports.operation_journal import Admission, Admit, Ledger
from tests.builders import LEASE, NOON, make_completion, make_request
from tests.contract.ports.stores import Store

EARLIER = LeaseNumber(LEASE - 1)
LATER = LeaseNumber(LEASE + 1)


def proceed(_ledger: Ledger) -> Admission:
    """Let every request through."""
    return Admission()


def recording_rule(seen: list[Ledger]) -> Admit:
    """Let every request through and note what was shown."""

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
    """Open an operation."""
    begun = await store.journal.begin(
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
    """End an operation."""
    await store.journal.finish(operation, make_completion(**completion), messages, lease=lease)
