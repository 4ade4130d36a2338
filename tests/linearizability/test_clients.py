"""Clients and checker together: they notice what is wrong with a service, and only that."""

from collections.abc import Callable

import pytest

from tests.linearizability.checker import violations
from tests.linearizability.clients import Crowd
from tests.linearizability.history import Kind
from tests.linearizability.wrong_service import DOUBLE_START, LOST_STOP, STALE_READ, WrongService

GAMES = [f"g{number}" for number in range(24)]
"""So many because a restart that comes next hides a lost stop for good."""
ROUND_SECONDS, MOST_ROUNDS = 0.5, 60


def crowd_of(service: WrongService, *, until: Callable[[Crowd], bool]) -> Crowd:
    """Let clients call the service until it is enough, and one round more to see what came of it.

    A time alone would be enough on one machine and not on another.
    """
    crowd = Crowd([service.connect], GAMES, seed=1, longest_pause=0.002)
    for _ in range(MOST_ROUNDS):
        crowd.call_for(ROUND_SECONDS)
        if until(crowd):
            break
    crowd.call_for(ROUND_SECONDS)
    crowd.read_all()
    return crowd


@pytest.mark.parametrize("fault", [STALE_READ, LOST_STOP, DOUBLE_START])
def test_planted_fault_is_found(fault: str) -> None:
    """One wrong answer among a game's hundreds leaves no order in which all are right."""
    service = WrongService(fault)

    crowd = crowd_of(service, until=lambda _: service.planted == set(GAMES))
    found = {each.operation.game for each in violations(crowd.history)}

    assert found
    assert found <= service.planted


def test_service_without_a_fault_passes() -> None:
    """What the contract's own state machine answers has an order: that in which it answered."""
    crowd = crowd_of(WrongService(None), until=_has_seen_much)

    assert _has_seen_much(crowd)
    assert violations(crowd.history) == []


def _has_seen_much(crowd: Crowd) -> bool:
    return len(crowd.history) > 100 and {each.kind for each in crowd.history} == set(Kind)
