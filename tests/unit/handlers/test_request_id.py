import pytest
from structlog.contextvars import get_contextvars

from rtmanager.handlers.request_id import RequestId, request_id_of
from tests.unit.handlers.middleware import Behind, receive, request

NAME = b"x-request-id"


async def arrive(*values: bytes) -> Behind:
    """Send a request with these ids."""
    behind = Behind()
    await RequestId(behind)(request(*((NAME, value) for value in values)), receive, behind.send)
    return behind


@pytest.mark.parametrize("value", [b"a", b"job 17/4", b"~" * 128])
async def test_sane_id_is_kept_and_sent_back(value: bytes) -> None:
    """The caller finds its own id in the answer, the log and the operation."""
    behind = await arrive(value)

    assert request_id_of(behind.arrived) == value.decode()
    assert (NAME, value) in behind.sent[0]["headers"]
    assert get_contextvars()["request_id"] == value.decode()


@pytest.mark.parametrize("values", [[], [b""], [b" a"], [b"a\x00"], [b"~" * 129], [b"a", b"a"]])
async def test_other_ids_are_replaced(values: list[bytes]) -> None:
    """Without one usable id a new one is made, and sent back."""
    behind = await arrive(*values)
    made = request_id_of(behind.arrived)

    assert len(made) == 32
    assert (NAME, made.encode()) in behind.sent[0]["headers"]


async def test_made_up_ids_differ() -> None:
    """No two requests share an id that we made."""
    assert request_id_of((await arrive()).arrived) != request_id_of((await arrive()).arrived)
