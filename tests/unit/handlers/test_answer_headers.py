from rtmanager.handlers.answer_headers import SAFE_HEADERS, AnswerHeaders
from rtmanager.handlers.middleware import RequestId
from tests.unit.handlers.behind import Behind, receive, request


async def test_answer_keeps_its_headers_and_gets_ours() -> None:
    """Every answer forbids guessing its type and embedding it elsewhere."""
    behind = Behind()

    await RequestId(AnswerHeaders(behind))(request(), receive, behind.send)
    headers = behind.sent[0]["headers"]

    assert (b"content-type", b"application/json") in headers
    assert set(SAFE_HEADERS) < set(headers)
    assert len({name for name, _ in headers}) == len(headers)


async def test_lifespan_passes() -> None:
    """The server's own events have no headers."""
    behind = Behind()

    await AnswerHeaders(behind)({"type": "lifespan"}, receive, behind.send)

    assert behind.arrived == {"type": "lifespan"}
