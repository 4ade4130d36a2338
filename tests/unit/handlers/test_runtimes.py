from datetime import UTC, datetime, timedelta, timezone

from rtmanager.domain.runtime import RuntimeStatus
from rtmanager.handlers.runtimes import runtime_json
from tests.builders import NOON, make_record


def test_every_property_is_present() -> None:
    """A property that does not apply is null, not missing."""
    shown = runtime_json(make_record(status=RuntimeStatus.REMOVED, started_at=None))

    assert len(shown) == 12
    assert shown["started_at"] is None


def test_times_are_utc_with_microseconds() -> None:
    """RFC 3339 with Z, and six digits even for a whole second."""
    berlin = NOON.astimezone(timezone(timedelta(hours=2)))
    whole = datetime(2026, 3, 1, tzinfo=UTC)
    shown = runtime_json(make_record(created_at=berlin, last_op_at=whole))

    assert shown["created_at"] == "2026-03-01T12:00:00.123456Z"
    assert shown["last_op_at"] == "2026-03-01T00:00:00.000000Z"


def test_internal_fields_are_not_shown() -> None:
    """Fence and image id are internal."""
    assert not {"fence", "image_id"} & runtime_json(make_record()).keys()
