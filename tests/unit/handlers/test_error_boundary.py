import asyncio
import json

import pytest
from structlog.testing import capture_logs

from rtmanager.domain.errors import Conflict
from rtmanager.handlers.error_boundary import ErrorBoundary
from tests.unit.handlers.middleware import Behind, receive, request


async def _request(behind: Behind) -> None:
    await ErrorBoundary(behind)(request(), receive, behind.send)


async def test_good_answer_passes() -> None:
    """Without an error nothing changes."""
    behind = Behind()

    await _request(behind)

    assert behind.status == 200


async def test_error_becomes_an_answer() -> None:
    """The application raises, the caller gets the envelope."""
    behind = Behind(error=Conflict("not now"))

    await _request(behind)

    assert behind.status == 409
    assert behind.sent[1]["body"] == b'{"error":{"code":"conflict","message":"not now"}}'


async def test_error_within_an_answer_cuts_it_off() -> None:
    """Half an answer is left to the server, which ends the connection; nothing is appended."""
    behind = Behind(error=ValueError("late"), answers_first=True)

    with pytest.raises(ValueError, match="late"):
        await _request(behind)

    assert len(behind.sent) == 2


async def cut_off(behind: Behind) -> "asyncio.Task[None]":
    """Begin a request that hangs, and cancel it as the server does at its limit."""
    request_task = asyncio.create_task(_request(behind))
    await behind.hangs.wait()
    request_task.cancel()
    await asyncio.wait([request_task])
    return request_task


async def test_trap_shutdown_answers_plain_text() -> None:
    """Who is cut off by the shutdown limit gets the envelope, and learns how to go on."""
    behind = Behind(hanging=True)

    with capture_logs() as lines:
        task = await cut_off(behind)

    assert behind.status == 503
    error = json.loads(behind.sent[1]["body"])["error"]
    assert error["code"] == "service_unavailable"
    assert "shutting down" in error["message"]
    assert "goes on" in error["message"]
    assert "again" in error["message"]
    assert not task.cancelled()
    assert [line["event"] for line in lines] == ["request_cut_off"]


async def test_answer_that_is_cut_off_half_way_is_left_to_the_server() -> None:
    """It ends the connection: nothing is appended to half an answer."""
    behind = Behind(hanging=True, answers_first=True)

    task = await cut_off(behind)

    assert task.cancelled()
    assert len(behind.sent) == 2


async def test_only_defects_are_logged() -> None:
    """A defect leaves one line with its traceback, a refusal none."""
    with capture_logs() as lines:
        for error in (ValueError("bug"), Conflict()):
            behind = Behind(error=error)
            await _request(behind)

    assert [(line["event"], line["exc_info"]) for line in lines] == [("request_failed", True)]
