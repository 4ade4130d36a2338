import asyncio
import json
import re
from typing import Any

import pytest

from rtmanager.domain.operation import Operation
from tests.contract.caller import JSON, RUNTIMES, Caller
from tests.unit.domain.world import BROKEN, IMAGE, OTHER, Hang, World

OPERATIONS = "/api/v1/operator/operations"
OVERVIEW = "/api/v1/operator/runtimes"
STOP = f"{RUNTIMES}/g1/stop"
FINISHED = {"reason": "finished"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture
async def history(caller: Caller, world: World) -> list[Operation]:
    """Return what happened: a start, a refused patch, a failed patch, a stop."""
    await caller.start("g1")
    world.clock.advance(60)
    await caller.post(f"{RUNTIMES}/g1/patch", {"image_ref": OTHER})
    await caller.post(f"{RUNTIMES}/g1/patch", {"image_ref": BROKEN})
    await caller.post(STOP, FINISHED)
    return world.operations


def ids(page: Any) -> list[int]:
    """Return the ids of the operations on a page."""
    return [each["operation_id"] for each in page["items"]]


async def test_an_operation_is_shown_with_its_steps(
    caller: Caller, history: list[Operation]
) -> None:
    """Everything that the log knows is there, and what is kept from callers is not."""
    failed = history[2]

    shown = (await caller.get(f"{OPERATIONS}/{failed.id}")).json

    assert (shown["kind"], shown["outcome"], shown["phase"]) == ("patch", "failure", "back")
    assert (shown["error_code"], shown["image_ref"]) == ("container_start_failed", BROKEN)
    assert shown["exit"]["exit_code"] == 3
    actions = [each["action"] for each in shown["steps"]]
    assert actions[:3] == ["obtain_image", "prepare_state", "park"]
    assert all(TIME.fullmatch(each["started_at"]) for each in shown["steps"])
    assert not any("detail" in each for each in (shown, *shown["steps"]))


async def test_an_operation_that_runs_shows_its_step(caller: Caller, world: World) -> None:
    """The step that runs is there before it is done, and the operation has no end."""
    await caller.start("g1")
    hang = Hang()
    world.manager.on("host.stop", hang)
    stopping = asyncio.ensure_future(caller.post(STOP, FINISHED))
    await hang.reached.wait()

    shown = (await caller.get(f"{OPERATIONS}/{world.last.id}")).json
    hang.release()
    await stopping

    assert (shown["outcome"], shown["finished_at"], shown["duration_ms"]) == ("open", None, None)
    assert [(each["action"], each["result"]) for each in shown["steps"]] == [("stop", "running")]
    assert shown["steps"][0]["duration_ms"] is None


async def test_wait_answers_when_the_operation_has_finished(caller: Caller, world: World) -> None:
    """A caller that waits is answered with the outcome."""
    await caller.start("g1")
    hang = Hang()
    world.manager.on("host.stop", hang)
    stopping = asyncio.ensure_future(caller.post(STOP, FINISHED))
    await hang.reached.wait()
    waiting = asyncio.ensure_future(caller.get(f"{OPERATIONS}/{world.last.id}?wait=60s"))

    hang.release()
    await stopping

    assert (await waiting).json["outcome"] == "success"


@pytest.mark.parametrize("wait", ["61s", "2m", "1", "-1s", "soon", "1h%20", "9999999999s"])
async def test_wait_of_another_length_is_refused(
    caller: Caller, history: list[Operation], wait: str
) -> None:
    """A wait is a duration of at most a minute."""
    answer = await caller.get(f"{OPERATIONS}/{history[0].id}?wait={wait}")

    assert answer.error == (400, "invalid_request")
    assert "at most 60s" in answer.message


@pytest.mark.parametrize("operation_id", ["999999", "9223372036854775807", "9" * 19])
async def test_an_unknown_operation_is_not_found(caller: Caller, operation_id: str) -> None:
    """An id that no operation has is 404."""
    assert (await caller.get(f"{OPERATIONS}/{operation_id}")).error == (404, "not_found")


@pytest.mark.parametrize("operation_id", ["0", "-1", "1.0", "one", "%D9%A3", "%00", "9" * 5000])
async def test_an_impossible_operation_is_refused(caller: Caller, operation_id: str) -> None:
    """An id is a number that an operation can have."""
    assert (await caller.get(f"{OPERATIONS}/{operation_id}")).error == (400, "invalid_request")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [3, 2, 1, 0]),
        ("game_id=g1", [3, 2, 1, 0]),
        ("game_id=g2", []),
        ("kind=patch", [2, 1]),
        ("outcome=failure", [2, 1]),
        ("outcome=success", [3, 0]),
        ("outcome=open", []),
        ("source=admin_rest", [3, 2, 1, 0]),
        ("source=gm_rest", []),
        ("kind=patch&outcome=success", []),
        ("since=2026-01-01T00:01:00Z", [3, 2, 1]),
        ("until=2026-01-01T00:01:00Z", [0]),
        ("since=2026-01-01T01:01:00%2B01:00", [3, 2, 1]),
        ("limit=1", [3]),
    ],
)
async def test_operations_are_found_newest_first(
    caller: Caller, history: list[Operation], query: str, expected: list[int]
) -> None:
    """Each filter leaves what matches it, and all of them must match."""
    answer = await caller.get(f"{OPERATIONS}?{query}")

    assert ids(answer.json) == [history[index].id for index in expected]


async def test_an_operation_is_found_by_its_request(caller: Caller, world: World) -> None:
    """The id that a caller has sent with its request finds what it has asked for."""
    await caller.send(
        "POST",
        f"{RUNTIMES}/g1/start",
        body=json.dumps({"image_ref": IMAGE}).encode(),
        headers=[JSON, (b"x-request-id", b"100% mine")],
    )
    await caller.start("g2")

    found = (await caller.get(f"{OPERATIONS}?source_ref=100%25%20mine")).json

    assert ids(found) == [world.operations[0].id]


async def test_pages_follow_each_other(caller: Caller, history: list[Operation]) -> None:
    """The cursor leads to the next page; what begins meanwhile does not move it."""
    first = (await caller.get(f"{OPERATIONS}?limit=3")).json
    await caller.start("g2")

    second = (await caller.get(f"{OPERATIONS}?limit=3&cursor={first['next_cursor']}")).json

    assert ids(first) + ids(second) == [each.id for each in reversed(history)]
    assert second["next_cursor"] is None


async def test_a_full_last_page_has_no_cursor(caller: Caller, history: list[Operation]) -> None:
    """A page that ends with the oldest operation leads nowhere."""
    page = (await caller.get(f"{OPERATIONS}?limit={len(history)}")).json

    assert len(page["items"]) == len(history)
    assert page["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("cursor=nonsense", "damaged"),
        ("cursor=%FF", "damaged"),
        ("cursor=", "cursor"),
        ("limit=3&kind=patch&cursor={next}", "filters"),
        ("limit=3&cursor={next}A", "damaged"),
        ("limit=3&cursor={next}=", "damaged"),
        ("cursor=Mi4xLjAwMDAwMDAw", "another version"),
        ("limit=0", "1"),
        ("limit=501", "500"),
        ("limit=many", "limit"),
        ("kind=destroy", "reconcile_adopt"),
        ("outcome=lost", "open"),
        ("source=me", "lobby_stream"),
        ("since=yesterday", "since"),
        ("until=2026-01-01", "until"),
        ("since=2026-01-01T00:00:00+02:00", "%2B"),
        ("page=2", "page"),
        ("kind=start&kind=stop", "kind"),
    ],
)
async def test_a_wrong_query_is_refused_by_name(
    caller: Caller, history: list[Operation], query: str, why: str
) -> None:
    """A value that is none of those that are possible is named, with what is possible."""
    first = (await caller.get(f"{OPERATIONS}?limit={len(history) - 1}")).json

    answer = await caller.get(f"{OPERATIONS}?{query.format(next=first['next_cursor'])}")

    assert answer.error == (400, "invalid_request")
    assert why in answer.message


async def test_overview_shows_each_game_with_its_last_operation(
    caller: Caller, history: list[Operation]
) -> None:
    """Every game is there with its record, its health and what was done last."""
    await caller.start("g0", IMAGE)

    items = (await caller.get(OVERVIEW)).json["items"]

    assert [(each["game_id"], each["status"]) for each in items] == [
        ("g0", "running"),
        ("g1", "stopped"),
    ]
    assert items[0]["image_ref"] == IMAGE
    assert items[1]["health"] == "not_running"
    assert items[1]["last_operation"]["operation_id"] == history[-1].id
    assert items[1]["last_operation"]["kind"] == "stop"


async def test_overview_of_one_game_is_its_row_of_the_whole(
    caller: Caller, history: list[Operation]
) -> None:
    """A page that shows all games asks for those that have changed."""
    await caller.start("g0", IMAGE)
    items = (await caller.get(OVERVIEW)).json["items"]

    assert (await caller.get(f"{OVERVIEW}?game_id=g0")).json == {"items": items[:1]}
    assert (await caller.get(f"{OVERVIEW}?game_id=g1")).json == {"items": items[1:]}
    assert items[1]["last_operation"]["operation_id"] == history[-1].id


@pytest.mark.parametrize("game_id", ["g2", "-", "%00", "a%2Fb"])
async def test_overview_of_an_unknown_game_is_empty(
    caller: Caller, history: list[Operation], game_id: str
) -> None:
    """Also of an id that no game can have."""
    assert history

    assert (await caller.get(f"{OVERVIEW}?game_id={game_id}")).json == {"items": []}


async def test_overview_shows_an_operation_that_runs(caller: Caller, world: World) -> None:
    """What is being done now is the last operation of its game."""
    await caller.start("g1")
    hang = Hang()
    world.manager.on("host.stop", hang)
    stopping = asyncio.ensure_future(caller.post(STOP, FINISHED))
    await hang.reached.wait()

    items = (await caller.get(OVERVIEW)).json["items"]
    hang.release()
    await stopping

    assert (items[0]["status"], items[0]["last_operation"]["outcome"]) == ("running", "open")
