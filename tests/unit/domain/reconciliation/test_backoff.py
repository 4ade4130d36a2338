"""Drift that persists is reported once and retried less and less often."""

import time
from dataclasses import replace

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.domain.game_id import GameId
from rtmanager.domain.reconciliation.backoff import FORGET_EVERY, MAX_PAUSE, MIN_PAUSE, Backoff
from rtmanager.domain.reconciliation.drift import Drift, DriftKind
from tests.builders import GAME
from tests.unit.domain.observed import OLD, OTHER

DRIFT = Drift(GAME, DriftKind.STALE_CONTAINER, OLD, "it belongs to no operation")
ANOTHER = Drift(GAME, DriftKind.STALE_CONTAINER, OTHER, "it belongs to no operation")


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that the test controls."""
    return ManualClock()


@pytest.fixture
def backoff(clock: ManualClock) -> Backoff:
    """Return a backoff that remembers nothing yet."""
    return Backoff(clock)


def test_new_drift_is_due(backoff: Backoff) -> None:
    """New drift is due at once."""
    assert backoff.is_due(DRIFT)


def test_drift_that_persists_is_due_after_its_pause(backoff: Backoff, clock: ManualClock) -> None:
    """Drift that persists is due exactly after its pause; other drift is unaffected."""
    backoff.record_failure(DRIFT, "refused")

    clock.advance(MIN_PAUSE - 0.001)
    assert not backoff.is_due(DRIFT)
    assert backoff.is_due(ANOTHER)
    clock.advance(0.001)
    assert backoff.is_due(DRIFT)


def test_drifts_of_a_kind_are_due_when_the_obstacle_is_gone(backoff: Backoff) -> None:
    """Others keep their pauses."""
    lost = Drift(GAME, DriftKind.NODE_LOST, OLD, "it was lost with its node")
    backoff.record_failure(lost, "no room")
    backoff.record_failure(DRIFT, "refused")

    backoff.forget(DriftKind.NODE_LOST)

    assert backoff.is_due(lost)
    assert not backoff.is_due(DRIFT)


def test_pauses_double_up_to_the_longest(backoff: Backoff, clock: ManualClock) -> None:
    """Pauses double up to a maximum, so that the drift is never given up."""
    pauses = []
    for _ in range(9):
        backoff.record_failure(DRIFT, "refused")
        began = clock.monotonic()
        while not backoff.is_due(DRIFT):
            clock.advance(60)
        pauses.append(clock.monotonic() - began)

    assert pauses == [60, 120, 240, 480, 960, 1920, MAX_PAUSE, MAX_PAUSE, MAX_PAUSE]


def test_it_is_reported_once(backoff: Backoff, caplog: pytest.LogCaptureFixture) -> None:
    """The same drift causes one warning."""
    for _ in range(5):
        backoff.record_failure(DRIFT, "refused")

    (warning,) = caplog.records
    assert (warning.message, vars(warning)["error"]) == ("drift_persists", "refused")


def test_drift_that_is_gone_is_forgotten(
    backoff: Backoff, caplog: pytest.LogCaptureFixture
) -> None:
    """Drift that comes back is new: due at once, and reported."""
    backoff.record_failure(DRIFT, "refused")
    backoff.keep_only(GAME, [ANOTHER])

    assert backoff.is_due(DRIFT)
    backoff.record_failure(DRIFT, "refused")
    assert len(caplog.records) == 2


def test_drift_that_is_still_there_is_kept(backoff: Backoff) -> None:
    """Drift is the same even if its description has changed."""
    backoff.record_failure(DRIFT, "refused")
    backoff.keep_only(GAME, [Drift(GAME, DRIFT.kind, OLD, "in other words")])

    assert not backoff.is_due(DRIFT)


def test_drift_that_is_never_retried_is_forgotten(backoff: Backoff, clock: ManualClock) -> None:
    """Drift of games of which nothing is left does not accumulate."""
    for number in range(100):
        backoff.record_failure(replace(DRIFT, game_id=GameId(f"g{number}")), "refused")
    clock.advance(MIN_PAUSE + MAX_PAUSE)

    backoff.record_failure(DRIFT, "refused")

    assert len(backoff) == 1


def test_abandoned_drift_is_looked_for_once_a_minute(backoff: Backoff, clock: ManualClock) -> None:
    """A cycle in which many games fail does not look through all of them at each failure."""
    remembered = []
    for number, pause in enumerate((0, MIN_PAUSE + MAX_PAUSE - 1, 1, FORGET_EVERY - 1.5, 0.5)):
        clock.advance(pause)
        backoff.record_failure(replace(DRIFT, game_id=GameId(f"g{number}")), "refused")
        remembered.append(len(backoff))

    assert remembered == [1, 2, 3, 4, 4]


def test_many_failures_at_once_cost_little(backoff: Backoff) -> None:
    """Ten thousand games that Docker refuses do not hold the event loop up for seconds."""
    began = time.process_time()
    for number in range(10_000):
        drift = replace(DRIFT, game_id=GameId(f"g{number}"))
        backoff.keep_only(drift.game_id, [drift])
        backoff.record_failure(drift, "refused")

    assert time.process_time() - began < 2
