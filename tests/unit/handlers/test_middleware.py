import pytest
from starlette.exceptions import HTTPException
from structlog.contextvars import get_contextvars

from rtmanager.domain.operation import OpSource
from rtmanager.handlers.answer_headers import AnswerHeaders
from rtmanager.handlers.middleware import RawPath, RequestId, request_id_of, source_of
from tests.unit.handlers.behind import Behind, receive, request

REQUEST_ID = b"x-request-id"
CALLER = b"x-galaxy-caller"


async def arrive(*values: bytes) -> Behind:
    """Send a request with these ids."""
    behind = Behind()
    await RequestId(AnswerHeaders(behind))(
        request(*((REQUEST_ID, value) for value in values)), receive, behind.send
    )
    return behind


@pytest.mark.parametrize("value", [b"a", b"job 17/4", b"~" * 128])
async def test_sane_id_is_kept_and_sent_back(value: bytes) -> None:
    """A usable request id is kept in the answer, the log and the operation."""
    behind = await arrive(value)

    assert request_id_of(behind.arrived) == value.decode()
    assert (REQUEST_ID, value) in behind.sent[0]["headers"]
    assert get_contextvars()["request_id"] == value.decode()


async def test_blanks_around_an_id_are_no_part_of_it() -> None:
    """HTTP permits them around every value."""
    assert request_id_of((await arrive(b" a b\t ")).arrived) == "a b"


@pytest.mark.parametrize(
    "values", [[], [b""], [b" "], [b"a\tb"], [b"a\x00"], [b"~" * 129], [b"a", b"a"]]
)
async def test_other_ids_are_replaced(values: list[bytes]) -> None:
    """Without one usable id a new one is generated and sent back."""
    behind = await arrive(*values)
    made = request_id_of(behind.arrived)

    assert len(made) == 32
    assert (REQUEST_ID, made.encode()) in behind.sent[0]["headers"]


async def test_generated_ids_differ() -> None:
    """Generated ids are unique."""
    assert request_id_of((await arrive()).arrived) != request_id_of((await arrive()).arrived)


async def test_routers_see_the_encoded_path() -> None:
    """An encoded slash does not separate path segments."""
    behind = Behind()

    await RawPath(behind, is_known=bool)(
        request(path="/a/b", raw_path=b"/a%2Fb"), receive, behind.send
    )

    assert behind.arrived["path"] == "/a%2Fb"


async def test_server_without_raw_paths_gets_one_made() -> None:
    """When the server passes only the decoded path, it is encoded again."""
    behind = Behind()

    await RawPath(behind, is_known=bool)(request(path="/é\n"), receive, behind.send)

    assert behind.arrived["path"] == "/%C3%A9%0A"


async def test_path_with_a_slash_at_its_end_is_another_path() -> None:
    """A trailing slash is never redirected; an encoded one is part of a name."""
    for known, message in [("/a", "404.*without the slash"), ("/b", "404: there is no such path$")]:
        outer = RawPath(Behind(), is_known=known.__eq__)
        with pytest.raises(HTTPException, match=message):
            await outer(request(path="/a/", raw_path=b"/a/"), receive, Behind().send)

    behind = Behind()
    await RawPath(behind, is_known=bool)(
        request(path="/a/", raw_path=b"/a%2F"), receive, behind.send
    )
    assert behind.arrived["path"] == "/a%2F"


@pytest.mark.parametrize("form", [b"%s", b"%s ", b" %s\t "])
@pytest.mark.parametrize(
    ("value", "source"), [(b"gm", OpSource.GM_REST), (b"admin", OpSource.ADMIN_REST)]
)
def test_known_caller_is_the_source(value: bytes, source: OpSource, form: bytes) -> None:
    """The two known callers are distinguished; blanks around a value are no part of it."""
    assert source_of(request((CALLER, form % value))) is source


@pytest.mark.parametrize("values", [[], [b"lobby"], [b"GM"], [b""], [b"gm", b"gm"], [b"\xff"]])
def test_other_caller_is_the_admin(values: list[bytes]) -> None:
    """A missing, unknown or repeated header counts as the admin's."""
    assert source_of(request(*((CALLER, value) for value in values))) is OpSource.ADMIN_REST
