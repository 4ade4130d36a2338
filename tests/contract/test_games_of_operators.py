"""The operator's endpoints for one game: explanation, output, health."""

import asyncio
import json
import re
from datetime import timedelta

import pytest

from tests.contract.caller import Caller
from tests.unit.domain.world import GAME, World

GAMES = f"/api/v1/operator/runtimes/{GAME}"
LOGS = f"{GAMES}/logs"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture
async def running(caller: Caller, world: World) -> World:
    """Return a world with a game whose engine has said something."""
    await caller.start(GAME)
    world.engine.output.extend(["one", "t\x1b[2Jwo"])
    return world


async def test_output_is_text_with_times(caller: Caller, running: World) -> None:
    """Each line is safe to print, and the container is named."""
    answer = await caller.get(LOGS)

    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert answer.headers["x-container-id"] == running.engine.id
    first, second = answer.body.decode().splitlines()
    assert TIME.fullmatch(first.split(" ")[0])
    assert (first.split(" ")[1], second.split(" ")[1]) == ("one", "t\\x1b[2Jwo")


async def test_times_can_be_left_out(caller: Caller, running: World) -> None:
    """Then there are only the lines."""
    assert running.engine.output
    answer = await caller.get(f"{LOGS}?timestamps=false&tail=1")

    assert answer.body == b"t\\x1b[2Jwo\n"


async def test_output_is_json_line_by_line(caller: Caller, running: World) -> None:
    """Each line is an object of the contract."""
    assert running.engine.output
    answer = await caller.get(f"{LOGS}?format=ndjson")

    lines = [json.loads(line) for line in answer.body.splitlines()]

    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [each["text"] for each in lines] == ["one", "t\\x1b[2Jwo"]
    assert all(each.keys() == {"at", "stream", "text"} for each in lines)


async def test_head_of_followed_output_reads_nothing(caller: Caller, running: World) -> None:
    """The answer has the headers, and ends while the engine goes on."""
    async with asyncio.timeout(5):
        answer = await caller.send("HEAD", f"{LOGS}?follow=true")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["x-container-id"] == running.engine.id


async def test_followed_output_says_why_it_ends(caller: Caller, running: World) -> None:
    """The last line of NDJSON is the service's."""
    running.docker.crash(running.engine.id, exit_code=3)
    answer = await caller.get(f"{LOGS}?format=ndjson&follow=true")

    last = json.loads(answer.body.splitlines()[-1])

    assert (last["stream"], last["text"]) == ("service", "the engine exited with code 3")


async def test_lines_since_a_time_or_a_duration(caller: Caller, running: World) -> None:
    """A duration counts back from now."""
    running.clock.advance(60)
    later = (running.clock.now() - timedelta(seconds=30)).isoformat().replace("+00:00", "Z")

    assert (await caller.get(f"{LOGS}?since=2m")).body
    assert not (await caller.get(f"{LOGS}?since=30s")).body
    assert not (await caller.get(f"{LOGS}?since={later}")).body


@pytest.mark.parametrize(
    "query",
    [
        "tail=-1",
        "tail=10001",
        "tail=all",
        "since=yesterday",
        "since=0001-01-01T00:00:00Z",
        "follow=yes",
        "format=xml",
        "timestamps=0",
        "lines=5",
    ],
)
async def test_wrong_query_is_refused(caller: Caller, running: World, query: str) -> None:
    """The error names the parameter."""
    assert running.engine.output
    answer = await caller.get(f"{LOGS}?{query}")

    assert answer.error == (400, "invalid_request")
    assert query.partition("=")[0] in answer.message


async def test_game_without_a_container_has_no_output(caller: Caller, running: World) -> None:
    """The error says where the last lines are."""
    running.docker.vanish(running.engine.id)
    answer = await caller.get(LOGS)

    assert answer.error == (404, "not_found")
    assert "explanation" in answer.message


async def test_docker_that_is_away_has_no_output(caller: Caller, running: World) -> None:
    """Nothing is known of it then."""
    await running.docker_leaves()

    assert (await caller.get(LOGS)).error == (503, "docker_unavailable")


async def test_explanation_has_everything(caller: Caller, running: World) -> None:
    """What the sentence says is there for programs, too."""
    await caller.post(f"/api/v1/internal/runtimes/{GAME}/stop", {"reason": "finished"})
    shown = (await caller.get(f"{GAMES}/explain")).json

    assert shown["summary"].startswith("Stopped by an operator at ")
    assert (shown["status"], shown["cause"]["kind"]) == ("stopped", "stop")
    assert [each["kind"] for each in shown["operations"]] == ["stop", "start"]
    assert (shown["exit"]["exit_code"], shown["exit"]["log_tail"][0]) == (143, "one")
    assert shown["container"]["container_id"] == running.engine.id
    assert (shown["container"]["state"], shown["container"]["exit_code"]) == ("exited", 143)
    assert shown["health"]["state"] == "not_running"
    assert (shown["drift"], shown["docker_error"], shown["open_operation"]) == ([], None, None)


async def test_health_is_that_of_the_gate(caller: Caller, running: World) -> None:
    """It is known as soon as the game runs, and listed with the others."""
    one = (await caller.get(f"{GAMES}/health")).json
    every = (await caller.get("/api/v1/operator/health")).json

    assert (one["state"], one["container_id"]) == ("healthy", running.engine.id)
    assert one["checked_at"]
    assert every == {"items": [one]}


async def test_unknown_game_is_not_found(caller: Caller) -> None:
    """None of the three knows it."""
    for each in ("explain", "logs", "health"):
        answer = await caller.get(f"/api/v1/operator/runtimes/nobody/{each}")
        assert answer.error == (404, "not_found")
