"""Clients and checker together: they notice what is wrong with a service, and only that."""

import pytest

from tests.linearizability.checker import violations
from tests.linearizability.clients import Crowd
from tests.linearizability.wrong_service import DOUBLE_START, LOST_STOP, STALE_READ, WrongService

CALL_SECONDS = 1.0


def crowd_of(service: WrongService) -> Crowd:
    """Let clients call the service for a while."""
    crowd = Crowd([service.connect], ["g1", "g2", "g3"], seed=1, longest_pause=0.002)
    crowd.call_for(CALL_SECONDS)
    crowd.read_all()
    return crowd


@pytest.mark.parametrize("fault", [STALE_READ, LOST_STOP, DOUBLE_START])
def test_planted_fault_is_found(fault: str) -> None:
    """One wrong answer among hundreds leaves no order in which all are right."""
    service = WrongService(fault)

    found = violations(crowd_of(service).history)

    assert service.planted[fault] > 0
    assert found


def test_service_without_a_fault_passes() -> None:
    """What the contract's own state machine answers has an order: that in which it answered."""
    crowd = crowd_of(WrongService(None))

    assert len(crowd.history) > 100
    assert violations(crowd.history) == []
