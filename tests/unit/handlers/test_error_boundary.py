import pytest
from structlog.testing import capture_logs

from rtmanager.domain.errors import Conflict
from rtmanager.handlers.error_boundary import ErrorBoundary
from tests.unit.handlers.middleware import Behind, receive, request


async def test_good_answer_passes() -> None:
    """Without an error nothing changes."""
    behind = Behind()

    await ErrorBoundary(behind)(request(), receive, behind.send)

    assert behind.status == 200


async def test_error_becomes_an_answer() -> None:
    """The application raises, the caller gets the envelope."""
    behind = Behind(error=Conflict("not now"))

    await ErrorBoundary(behind)(request(), receive, behind.send)

    assert behind.status == 409
    assert behind.sent[1]["body"] == b'{"error":{"code":"conflict","message":"not now"}}'


async def test_error_within_an_answer_cuts_it_off() -> None:
    """Half an answer is left to the server, which ends the connection; nothing is appended."""
    behind = Behind(error=ValueError("late"), answers_first=True)

    with pytest.raises(ValueError, match="late"):
        await ErrorBoundary(behind)(request(), receive, behind.send)

    assert len(behind.sent) == 2


async def test_only_defects_are_logged() -> None:
    """A defect leaves one line with its traceback, a refusal none."""
    with capture_logs() as lines:
        for error in (ValueError("bug"), Conflict()):
            behind = Behind(error=error)
            await ErrorBoundary(behind)(request(), receive, behind.send)

    assert [(line["event"], line["exc_info"]) for line in lines] == [("request_failed", True)]
