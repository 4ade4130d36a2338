import asyncio
import json

import pytest
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from rtmanager.domain.errors import Conflict, DockerUnavailable, ErrorCode, RuntimeManagerError
from rtmanager.handlers import refusals
from rtmanager.handlers.errors import STATUS_OF_CODE, ErrorBoundary, answer_to
from rtmanager.handlers.headers import REQUEST_ID_KEY
from rtmanager.handlers.refusals import RefusalReason, RefusedRequest, RefusedRequests
from rtmanager.handlers.strict_json import BodyTooLarge
from rtmanager.telemetry.repeated_events import RepeatedEvents
from tests.unit.handlers.behind import Behind, receive, request


async def _request(behind: Behind) -> None:
    await ErrorBoundary(behind)(request(), receive, behind.send)


async def test_good_answer_passes() -> None:
    """Without an error nothing changes."""
    behind = Behind()

    await _request(behind)

    assert behind.status == 200


async def test_error_becomes_an_answer() -> None:
    """An error that the application raises becomes the error envelope."""
    behind = Behind(error=Conflict("not now"))

    await _request(behind)

    assert behind.status == 409
    assert behind.sent[1]["body"] == b'{"error":{"code":"conflict","message":"not now"}}'


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (Conflict("not now"), ("info", 409, "conflict", "not now")),
        (HTTPException(404), ("info", 404, "not_found", "there is no such path")),
        (DockerUnavailable("gone"), ("warning", 503, "docker_unavailable", "gone")),
    ],
)
async def test_refusal_is_logged_with_its_request_id(
    error: Exception, line: tuple[str, int, str, str]
) -> None:
    """Who asks about the id of an answer finds its line; faults of ours are warnings."""
    behind = Behind(error=error)
    asked = request(path="/x\n", **{REQUEST_ID_KEY: "request-1"})

    with capture_logs() as lines:
        await ErrorBoundary(behind)(asked, receive, behind.send)

    (found,) = lines
    shown = tuple(found[name] for name in ("log_level", "status", "error_code", "error"))
    assert (found["event"], shown) == ("request_refused", line)
    assert (found["method"], found["path"]) == ("GET", r"/x\n")
    assert found["request_id"] == "request-1"


async def test_refusal_with_a_line_of_its_own_is_only_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What an operation or the guard has logged is not logged again."""
    counted: list[dict[str, str]] = []

    class Counter:
        def add(self, amount: int, attributes: dict[str, str]) -> None:
            counted.extend([attributes] * amount)

    monkeypatch.setattr(refusals, "_counter", Counter())
    logged = Conflict()
    logged.is_logged = True

    with capture_logs() as lines:
        await _request(Behind(error=logged))
        await _request(Behind(error=RefusedRequest(RefusalReason.FOREIGN_HOST, "why")))

    assert lines == []
    assert counted == [{"status": "409", "code": "conflict"}]


async def test_flood_of_refusals_is_a_few_lines() -> None:
    """Callers cannot fill the disk; the last line has the number of those without one."""
    now = 0.0
    events = RepeatedEvents(lambda: now)
    boundary = ErrorBoundary(Behind(error=Conflict()), RefusedRequests(events))

    with capture_logs() as lines:
        for _ in range(1000):
            await boundary(request(), receive, Behind().send)
        events.close()

    assert len(lines) == refusals.BURST + 1
    assert sum(line["count"] for line in lines) == 1000


async def test_error_within_an_answer_cuts_it_off() -> None:
    """After half an answer nothing is appended; the server closes the connection."""
    behind = Behind(error=ValueError("late"), answers_first=True)

    with pytest.raises(ValueError, match="late"):
        await _request(behind)

    assert len(behind.sent) == 2


async def cut_off(behind: Behind) -> "asyncio.Task[None]":
    """Begin a request that hangs, and cancel it as the server does at its time limit."""
    request_task = asyncio.create_task(_request(behind))
    await behind.hangs.wait()
    request_task.cancel()
    await asyncio.wait([request_task])
    return request_task


async def test_trap_shutdown_answers_plain_text() -> None:
    """A request cut off by the shutdown gets the envelope, which says how to proceed."""
    behind = Behind(hanging=True)

    with capture_logs() as lines:
        task = await cut_off(behind)

    assert behind.status == 503
    error = json.loads(behind.sent[1]["body"])["error"]
    assert error["code"] == "service_unavailable"
    assert "shut down" in error["message"]
    assert "continues" in error["message"]
    assert "again" in error["message"]
    assert not task.cancelled()
    assert [line["event"] for line in lines] == ["request_cut_off"]


async def test_answer_that_is_cut_off_half_way_is_left_to_the_server() -> None:
    """Nothing is appended to half an answer; the server closes the connection."""
    behind = Behind(hanging=True, answers_first=True)

    task = await cut_off(behind)

    assert task.cancelled()
    assert len(behind.sent) == 2


async def test_only_defects_are_logged_as_such() -> None:
    """A defect logs one line, with its traceback, a refusal one without."""
    with capture_logs() as lines:
        for error in (ValueError("bug"), Conflict()):
            behind = Behind(error=error)
            await _request(behind)

    assert [(line["event"], line.get("exc_info")) for line in lines] == [
        ("request_failed", True),
        ("request_refused", None),
    ]


class NameTaken(Conflict):
    """a foreign container holds the name."""


def test_port_errors_have_the_status_of_their_code() -> None:
    """A subclass of an error has the same status and code, with its own message."""
    answer = answer_to(NameTaken())

    assert (answer.status, answer.code) == (409, ErrorCode.CONFLICT)
    assert answer.message == "a foreign container holds the name"


def test_oversize_is_413() -> None:
    """A body that is too large has its own status but no code of its own."""
    answer = answer_to(BodyTooLarge())

    assert (answer.status, answer.code) == (413, ErrorCode.INVALID_REQUEST)


@pytest.mark.parametrize("error", [ValueError("dsn=secret"), HTTPException(500, "secret")])
def test_unexpected_error_is_a_defect_without_details(error: Exception) -> None:
    """An unexpected error is a 500 that reveals no details."""
    answer = answer_to(error)

    assert (answer.status, answer.code, answer.is_defect) == (500, ErrorCode.INTERNAL_ERROR, True)
    assert "secret" not in answer.message


def test_our_errors_are_no_defects() -> None:
    """An expected error, such as Docker being away, logs no traceback."""
    assert not answer_to(DockerUnavailable()).is_defect


def test_allowed_methods_come_in_order() -> None:
    """Allowed methods are sorted, because the router keeps them in a set."""
    answer = answer_to(HTTPException(405, headers={"Allow": "POST, GET, HEAD"}))

    assert answer.headers == {"allow": "GET, HEAD, POST"}


def test_message_of_the_framework_is_truncated_and_printable() -> None:
    """What the framework quotes of a request is truncated and made printable."""
    answer = answer_to(HTTPException(422, "bad \ud800 " + "x" * 10_000 + "\nschema: ..."))

    assert (answer.status, answer.code) == (400, ErrorCode.INVALID_REQUEST)
    assert answer.message.startswith(r"bad \ud800 xxx")
    assert len(answer.message) < 500


def test_every_error_class_has_a_status() -> None:
    """Every error class of the domain has a status."""
    assert {each.code for each in RuntimeManagerError.__subclasses__()} <= STATUS_OF_CODE.keys()
