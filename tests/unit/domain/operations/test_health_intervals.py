import pytest

from rtmanager.domain.container import HealthIntervals
from rtmanager.domain.operations.health_intervals import SECOND, bounded_intervals

DAY = 86_400 * SECOND
LONGEST = (1 << 63) - 1


def test_engine_without_a_health_check_gets_none() -> None:
    """Nothing is set that the image does not have."""
    assert bounded_intervals(None) is None


@pytest.mark.parametrize(
    ("declared", "running"),
    [
        (1, 10 * SECOND),
        (1_000_000, 10 * SECOND),
        (10 * SECOND - 1, 10 * SECOND),
        (10 * SECOND, 10 * SECOND),
        (0, 30 * SECOND),
        (45 * SECOND, 45 * SECOND),
        (DAY, DAY),
        (LONGEST, LONGEST),
    ],
)
def test_engine_is_checked_every_ten_seconds_at_most(declared: int, running: int) -> None:
    """A longer interval is the image's choice, and so is Docker's default of 30 s."""
    bounded = bounded_intervals(HealthIntervals(declared, 0))

    assert bounded is not None
    assert bounded.running == running


@pytest.mark.parametrize(("declared", "starting"), [(0, 10 * SECOND), (1, 10 * SECOND), (DAY, DAY)])
def test_start_period_is_no_way_around(declared: int, starting: int) -> None:
    """It may last forever, and Docker's default in it is 5 s."""
    bounded = bounded_intervals(HealthIntervals(DAY, declared))

    assert bounded == HealthIntervals(DAY, starting)
