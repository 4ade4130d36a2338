from decimal import Decimal
from traceback import format_exception

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from rtmanager.config.formats import (
    Memory,
    PositiveDuration,
    parse_duration,
    render_duration,
)
from rtmanager.config.postgres_dsn import read_postgres_dsn
from rtmanager.domain.container import ResourceLimits, render_memory
from rtmanager.domain.operations.container_spec import MEMORY_LABEL, limits_of

MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
MEMORY: TypeAdapter[int] = TypeAdapter(Memory)
POSITIVE_DURATION: TypeAdapter[float] = TypeAdapter(PositiveDuration)


@given(st.integers(1, 8_760), st.sampled_from(sorted(MILLISECONDS)))
def test_a_duration_is_its_number_times_its_unit(amount: int, unit: str) -> None:
    """A duration is its number of units, in seconds."""
    seconds = POSITIVE_DURATION.validate_python(f"{amount}{unit}")

    assert seconds == amount * MILLISECONDS[unit] / 1000


@given(st.decimals(0, 8_760, places=3), st.sampled_from(sorted(MILLISECONDS)))
def test_a_duration_keeps_its_fraction(amount: Decimal, unit: str) -> None:
    """A duration may have a fraction."""
    seconds = parse_duration(f"{amount:f}{unit}")

    assert seconds == float(amount * MILLISECONDS[unit] / 1000)


@given(st.integers(0, 8_760 * 3_600_000))
def test_a_rendered_duration_reads_back_as_itself(milliseconds: int) -> None:
    """Parsing a rendered duration returns the same duration."""
    seconds = parse_duration(f"{milliseconds}ms")

    assert parse_duration(render_duration(seconds)) == seconds


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    """Parsing any text either returns a duration or raises the one documented error."""
    try:
        seconds = POSITIVE_DURATION.validate_python(text)
    except ValidationError:
        return
    assert seconds > 0


@given(st.integers(6 << 20, 1 << 45))
def test_rendered_memory_reads_back_as_itself(amount: int) -> None:
    """Parsing a rendered amount of memory returns the same amount."""
    assert MEMORY.validate_python(render_memory(amount)) == amount


@given(st.integers(6 << 20, 1 << 45), st.sampled_from(["", "b", "B"]))
def test_image_labels_and_settings_read_memory_alike(amount: int, suffix: str) -> None:
    """Image labels and settings share one parser for amounts of memory."""
    text = render_memory(amount).removesuffix("b") + suffix
    limits = ResourceLimits(cpu_quota=1.0, memory_bytes=1 << 60, pids_limit=1)

    read = limits_of({MEMORY_LABEL: text}, limits, limits).memory_bytes

    assert read == MEMORY.validate_python(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("0", "0"), ("250ms", "250ms"), ("90s", "90s"), ("300s", "5m"), ("3600s", "1h")],
)
def test_a_duration_is_shown_in_its_largest_whole_unit(text: str, shown: str) -> None:
    """A duration is rendered in the largest unit that needs no fraction."""
    assert render_duration(parse_duration(text)) == shown


@pytest.mark.parametrize("dsn", ["hunter2", "postgres://rtm:hunter2@[", "password=hunter2 x"])
def test_a_refused_dsn_is_not_in_the_traceback(dsn: str) -> None:
    """The driver quotes an invalid DSN, which must not reach any log."""
    with pytest.raises(PydanticCustomError) as caught:
        read_postgres_dsn(SecretStr(dsn))

    assert "hunter2" not in str(format_exception(caught.value)[-1])
    assert caught.value.__suppress_context__
