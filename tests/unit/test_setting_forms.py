from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmanager.setting_forms import (
    FormError,
    duration,
    parse_memory,
    render_duration,
    render_memory,
)

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


@given(st.integers(1, 8_760), st.sampled_from(sorted(MILLISECONDS)))
def test_a_duration_is_its_number_times_its_unit(amount: int, unit: str) -> None:
    """A duration is its number of units, in seconds."""
    assert duration().parse(f"{amount}{unit}") == amount * MILLISECONDS[unit] / 1000


@given(st.decimals(0, 8_760, places=3), st.sampled_from(sorted(MILLISECONDS)))
def test_a_duration_keeps_its_fraction(amount: Decimal, unit: str) -> None:
    """A fraction of a unit is as good as a whole one."""
    seconds = duration(zero_allowed=True).parse(f"{amount:f}{unit}")

    assert seconds == float(amount * MILLISECONDS[unit] / 1000)


@given(st.integers(0, 8_760 * 3_600_000))
def test_a_rendered_duration_reads_back_as_itself(milliseconds: int) -> None:
    """What is shown of a duration means the same when it is set again."""
    seconds = duration(zero_allowed=True).parse(f"{milliseconds}ms")

    assert duration(zero_allowed=True).parse(render_duration(seconds)) == seconds


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than by refusing it."""
    try:
        seconds = duration().parse(text)
    except FormError:
        return
    assert seconds > 0


@given(st.integers(6 << 20, 1 << 45))
def test_rendered_memory_reads_back_as_itself(amount: int) -> None:
    """What is shown of an amount of memory means the same when it is set again."""
    assert parse_memory(render_memory(amount)) == amount


@pytest.mark.parametrize(
    ("text", "shown"),
    [("0", "0"), ("250ms", "250ms"), ("90s", "90s"), ("300s", "5m"), ("3600s", "1h")],
)
def test_a_duration_is_shown_in_its_largest_whole_unit(text: str, shown: str) -> None:
    """A duration is shown in the largest unit that needs no fraction."""
    assert render_duration(duration(zero_allowed=True).parse(text)) == shown
