from datetime import UTC, datetime
from typing import Any

import pytest

from rtmanager.adapters.docker.container_views import listed, parse_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1Z", datetime(2026, 1, 2, 3, 4, 5, 100000, tzinfo=UTC)),
        ("2026-01-02T05:04:05.5+02:00", datetime(2026, 1, 2, 3, 4, 5, 500000, tzinfo=UTC)),
    ],
)
def test_docker_times_are_read(text: str, moment: datetime | None) -> None:
    """Any number of decimals and any offset; Go's zero time is no time."""
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    ("names", "name"), [(["/a"], "a"), (["/other/link", "/a"], "a"), (None, ""), ([], "")]
)
def test_the_own_name_is_told_from_links(names: list[str] | None, name: str) -> None:
    """Legacy links add names; a container being removed may have none."""
    entry: dict[str, Any] = {
        "Id": "1",
        "Names": names,
        "State": "removing",
        "Labels": None,
        "ImageID": "sha256:1",
        "Created": 0,
        "NetworkSettings": {"Networks": {}},
    }

    assert listed(entry, "galaxy-net").name == name
