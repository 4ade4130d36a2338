import pytest

from rtmanager.domain.operation import OpSource
from rtmanager.handlers.caller_header import CallerHeader, source_of
from tests.unit.handlers.middleware import Behind, receive, request

NAME = b"x-galaxy-caller"


@pytest.mark.parametrize(
    ("value", "source"), [(b"gm", OpSource.GM_REST), (b"admin", OpSource.ADMIN_REST)]
)
async def test_known_caller_passes(value: bytes, source: OpSource) -> None:
    """The two known callers arrive and are told apart."""
    behind = Behind()

    await CallerHeader(behind)(request((NAME, value)), receive, behind.send)

    assert behind.arrived["headers"] == [(NAME, value)]
    assert source_of(behind.arrived) is source


@pytest.mark.parametrize("values", [[b"lobby"], [b"GM"], [b""], [b"gm", b"gm"], [b"\xff"]])
async def test_unknown_caller_is_dropped(values: list[bytes]) -> None:
    """Validation never sees a value that it would refuse; other headers stay."""
    behind = Behind()
    headers = [(b"accept", b"*/*"), *((NAME, value) for value in values)]

    await CallerHeader(behind)(request(*headers), receive, behind.send)

    assert behind.arrived["headers"] == [(b"accept", b"*/*")]
    assert source_of(behind.arrived) is OpSource.ADMIN_REST


def test_missing_caller_is_the_admin() -> None:
    """Without the header the source is the admin's."""
    assert source_of(request()) is OpSource.ADMIN_REST
