"""Requests with rules that the test chooses, for the operation journal."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.operation import LeaseNumber, OperationRequest
from rtmanager.domain.ports.operation_journal import Admission, Begun, Ledger, OperationJournal
from tests.builders import LEASE, NOON

Admit = Callable[[Ledger], Admission]


def proceed(_ledger: Ledger) -> Admission:
    """Admit every request."""
    return Admission()


@dataclass(frozen=True)
class Asked:
    """A request, and what decides on it."""

    request: OperationRequest
    admit: Admit = proceed

    def __call__(self, ledger: Ledger, /) -> Admission:
        """Decide on the request."""
        return self.admit(ledger)


async def begin_one(
    journal: OperationJournal,
    request: OperationRequest,
    admit: Admit = proceed,
    *,
    lease: LeaseNumber = LEASE,
    at: datetime = NOON,
) -> Begun:
    """Begin the operation of one request that is not recorded."""
    (begun,) = await journal.begin([Asked(request, admit)], lease=lease, at=at)
    assert begun is not None
    return begun
