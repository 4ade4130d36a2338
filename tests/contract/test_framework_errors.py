import asyncio
from collections.abc import Mapping

import pytest
from starlette.types import Message
from structlog.typing import EventDict

from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.endpoint import Call, Handler
from rtmanager.server.connexion_app import create_app
from tests.contract.caller import RUNTIMES, Caller
from tests.unit.domain.world import World


@pytest.mark.parametrize("path", ["//", "/api", "/nope", f"{RUNTIMES}/", f"{RUNTIMES}/g1/pause"])
async def test_unknown_path_is_not_found(path: str, caller: Caller) -> None:
    """A path that does not exist is 404 in the envelope."""
    assert (await caller.get(path)).error == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        (f"{RUNTIMES}/", "; without the slash at its end there is one"),
        (f"{RUNTIMES}/g1/start/", "; without the slash at its end there is one"),
        ("/api/v1/operator/operations/7/", "; without the slash at its end there is one"),
        (f"{RUNTIMES}/g1/pause/", ""),
        (f"{RUNTIMES}/g1/pause", "; /ui/ and /ui/operator/ show all that there are"),
        ("/nope", ""),
    ],
)
async def test_unknown_path_is_told_where_the_others_are(
    path: str, hint: str, caller: Caller
) -> None:
    """Who has nearly found a path gets a hint."""
    assert (await caller.get(path)).message == f"there is no such path{hint}"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "OPTIONS", "BREW"])
@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/healthz", "GET, HEAD"),
        (RUNTIMES, "GET, HEAD"),
        (f"{RUNTIMES}/g1", "GET, HEAD"),
        (f"{RUNTIMES}/g1/start", "POST"),
        (f"{RUNTIMES}/g1/container", "DELETE"),
    ],
)
async def test_wrong_method_lists_the_allowed_ones(
    method: str, path: str, allow: str, caller: Caller
) -> None:
    """A wrong method gets 405 with an Allow header that lists the path's methods."""
    answer = await caller.send(method, path)

    assert answer.error == (405, "invalid_request")
    assert answer.headers["allow"] == allow


async def test_head_is_get_without_doing_more(caller: Caller) -> None:
    """HEAD answers as GET does; the server omits the body."""
    got, head = await caller.get(RUNTIMES), await caller.send("HEAD", RUNTIMES)

    assert head.status == 200
    assert head.headers["content-length"] == got.headers["content-length"]


async def test_defect_is_logged_once_with_its_traceback(
    caller: Caller, world: World, log_lines: list[EventDict]
) -> None:
    """A defect is logged exactly once, with its traceback and the request id."""
    world.manager.on("records.get", RuntimeError("out of cheese"))
    await caller.get(f"{RUNTIMES}/g1")

    assert [(line["event"], line["exc_info"]) for line in log_lines] == [("request_failed", True)]


async def test_refusal_is_no_defect(caller: Caller, log_lines: list[EventDict]) -> None:
    """A caller's mistake logs no traceback, but a line for whoever asks about it."""
    await caller.get("/nope")
    await caller.get(f"{RUNTIMES}/g1")

    assert [(line["event"], line["log_level"], line["path"]) for line in log_lines] == [
        ("request_refused", "info", "/nope"),
        ("request_refused", "info", f"{RUNTIMES}/g1"),
    ]


async def test_refused_operation_has_the_operations_line_alone(
    caller: Caller, log_lines: list[EventDict], caplog: pytest.LogCaptureFixture
) -> None:
    """What `operation_finished` reports is not said again."""
    caplog.set_level("INFO")
    await caller.start("g1")
    refused = await caller.start("g1", "galaxy/game:1.4.8")
    unknown = await caller.post(f"{RUNTIMES}/g2/restart")

    assert (refused.status, unknown.status) == (409, 404)
    assert [each.message for each in caplog.records].count("operation_finished") == 3
    assert "request_refused" not in [line["event"] for line in log_lines]


async def test_answer_that_breaks_the_contract_is_a_defect(table: Mapping[str, Handler]) -> None:
    """Response validation, on in all these tests, turns a wrong answer into an error."""

    async def forget_the_status(_: Call) -> JsonObject:
        return {"state": "ok"}

    forgetful = {**table, "internalHealthz": forget_the_status}
    caller = Caller(create_app(forgetful, validate_responses=True))

    assert (await caller.get("/healthz")).error == (500, "internal_error")


async def test_every_answer_carries_the_request_id(caller: Caller) -> None:
    """Each answer carries the request id by which its log lines can be found."""
    name = (b"x-request-id", b"abc")
    answers = [
        await caller.send("GET", path, headers=[name]) for path in ("/healthz", "/nope", "/ui/")
    ]

    assert [answer.headers["x-request-id"] for answer in answers] == ["abc"] * 3


@pytest.mark.parametrize("value", [b"", b"x" * 129, b"a\nb", b"\xff", b" ", b"caf\xe9"])
async def test_unusable_request_id_is_replaced(value: bytes, caller: Caller) -> None:
    """A request id that is unfit for a header or a log line is replaced by a generated one."""
    answer = await caller.send("GET", "/healthz", headers=[(b"x-request-id", value)])

    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "values", [[b"intruder"], [b""], [b"GM"], [b"gm", b"gm"], [b"\xff\x00"], [b"x" * 10_000]]
)
async def test_strange_caller_is_served_as_admin(
    values: list[bytes], caller: Caller, world: World
) -> None:
    """An unknown caller header never fails a request; it counts as the admin."""
    headers = [(b"x-galaxy-caller", value) for value in values]

    answer = await caller.send("POST", f"{RUNTIMES}/g1/restart", headers=headers)

    assert answer.error == (404, "not_found")
    assert world.last.request.origin.source == "admin_rest"


async def test_application_starts_and_stops_by_itself(
    world: World, table: Mapping[str, Handler]
) -> None:
    """The application answers the server's lifespan events and opens nothing itself."""
    app = create_app(table)
    events: asyncio.Queue[Message] = asyncio.Queue()
    sent: list[str] = []

    async def send(message: Message) -> None:
        sent.append(message["type"])

    events.put_nowait({"type": "lifespan.startup"})
    events.put_nowait({"type": "lifespan.shutdown"})
    await app({"type": "lifespan", "state": {}}, events.get, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert world.manager.calls == []
