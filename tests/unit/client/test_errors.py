"""Errors are classes by code, and say what to do."""

import errno
from itertools import repeat

import httpx
import pytest

from rtmanager import client
from rtmanager.client import (
    ApiError,
    ClientError,
    ErrorCode,
    Forbidden,
    TimedOut,
    Unauthorized,
    UnexpectedAnswer,
    Unreachable,
    connection,
)
from tests.unit.client.fake_service import Chunks, FakeService, client_of, failed

CLASSES: dict[ErrorCode, type[ApiError]] = {
    code: next(each for each in ApiError.__subclasses__() if each.of_code is code)
    for code in ErrorCode
    if code is not ErrorCode.REPLAY_NO_OP
}


async def error_of(*answers: httpx.Response | Exception, times: int = 1) -> ClientError:
    """Return the error of a restart, which is hardly ever tried again."""
    service = FakeService(*answers * times)
    async with client_of(service) as rtm:
        with pytest.raises(ClientError) as caught:
            await rtm.restart("g", request_id="mine")
    return caught.value


@pytest.mark.parametrize("code", CLASSES)
async def test_each_code_has_its_class(code: ErrorCode) -> None:
    """The class is that of the code; message, code, status and request id are the answer's."""
    error = await error_of(failed(500, code, "the reason"))

    assert type(error) is CLASSES[code]
    assert (error.code, error.message, str(error)) == (code, "the reason", "the reason")
    assert (error.status, error.request_id) == (500, "from-the-service")


async def test_code_of_a_newer_service_is_an_api_error() -> None:
    """A code that the client does not know can still be caught and read."""
    error = await error_of(failed(418, "teapot"))

    assert type(error) is ApiError
    assert error.code == "teapot"


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (403, Forbidden)])
async def test_refused_caller_has_its_class(status: int, kind: type[ApiError]) -> None:
    """A missing token and a refused host have the code of an invalid request, but own classes."""
    error = await error_of(failed(status, "invalid_request"))

    assert type(error) is kind
    assert isinstance(error, client.InvalidRequest)


async def test_answer_of_something_else_is_named() -> None:
    """A proxy's error page is quoted, and not taken for an answer of the service."""
    error = await error_of(httpx.Response(502, text="<h1>Bad\x1b[31m Gateway"))

    assert isinstance(error, UnexpectedAnswer)
    assert "status 502 and '<h1>Bad\\x1b[31m Gateway'" in error.message
    assert error.status == 502


def refused_connection() -> httpx.ConnectError:
    """Return what httpx raises when nothing listens."""
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError(errno.ECONNREFUSED, "Connection refused")
    return error


async def test_service_that_is_not_there_is_said_with_the_address() -> None:
    """The system's words, the address and what to check, instead of httpx's words."""
    error = await error_of(refused_connection(), times=4)

    assert isinstance(error, Unreachable)
    assert not error.was_sent
    assert error.message == (
        "cannot reach the Runtime Manager at http://rtm.test: Connection refused; "
        "check that it runs and that the address is right"
    )
    assert (error.code, error.status, error.request_id) == (None, None, "mine")


async def test_lost_answer_of_an_operation_says_where_it_goes_on() -> None:
    """After a lost answer the operation may have begun: the request id leads to it."""
    error = await error_of(httpx.ReadError("", request=None))

    assert isinstance(error, Unreachable)
    assert error.was_sent
    assert "continues: the operation log has it under request id mine" in error.message


async def test_silent_service_is_timed_out() -> None:
    """A read timeout is an error of its own, and unlike a connect timeout it may have begun."""
    late = await error_of(httpx.ReadTimeout(""))
    absent = await error_of(httpx.ConnectTimeout(""), times=4)

    assert isinstance(late, TimedOut)
    assert late.was_sent
    assert isinstance(absent, TimedOut)
    assert not absent.was_sent
    assert "no answer within 5 s" in absent.message


async def test_redirect_is_not_followed() -> None:
    """The token and the request stay with the address that was given."""
    elsewhere = {"location": "http://elsewhere.test/api/v1/internal/runtimes/g/restart"}
    error = await error_of(httpx.Response(307, headers=elsewhere))

    assert isinstance(error, UnexpectedAnswer)
    assert error.status == 307


@pytest.mark.parametrize("status", [200, 500])
async def test_nested_answer_is_no_answer(status: int) -> None:
    """What Python's parser cannot read is quoted, not raised as something else."""
    error = await error_of(httpx.Response(status, text="[" * 100_000))

    assert isinstance(error, UnexpectedAnswer)
    assert "'[[[" in error.message


@pytest.mark.parametrize("status", [200, 500])
async def test_answer_without_end_is_given_up(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some other server can fill no caller's memory."""
    monkeypatch.setattr(connection, "LONGEST_ANSWER", 1000)
    endless = Chunks(repeat(b"x" * 100))
    error = await error_of(httpx.Response(status, stream=endless))

    assert isinstance(error, UnexpectedAnswer)
    assert "longer than any" in error.message


async def test_line_without_end_is_given_up() -> None:
    """As an answer is."""
    service = FakeService(httpx.Response(200, stream=Chunks(repeat(b"x" * 2**16))))
    async with client_of(service) as rtm:
        with pytest.raises(UnexpectedAnswer, match="longer than any"):
            async for _ in rtm.logs("g"):
                pass
