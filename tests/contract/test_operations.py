import re

import pytest

from rtmanager.domain.game_id import GameId
from rtmanager.domain.monitoring.check_readiness import MAX_AGE
from rtmanager.domain.operation import OpSource, StopReason
from rtmanager.domain.ports.runtime_records import PAGE
from tests.builders import make_record
from tests.contract.caller import JSON, RUNTIMES, Caller
from tests.unit.domain.world import OTHER, PATCHED, World

GAME = f"{RUNTIMES}/g1"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


async def test_start_shows_the_whole_record(caller: Caller, world: World) -> None:
    """Every property is present, null where it does not apply, with UTC times in microseconds."""
    answer = await caller.start("g1")

    record = answer.json
    assert answer.status == 200
    assert {key: record[key] for key in record if not key.endswith("_at")} == {
        "game_id": "g1",
        "status": "running",
        "current_container_id": world.engine.id,
        "current_image_ref": "galaxy/game:1.4.7",
        "engine_endpoint": "http://galaxy-game-g1:8080",
        "state_path": world.record.state_path if world.record else None,
        "docker_network": "galaxy-net",
    }
    assert (record["stopped_at"], record["removed_at"]) == (None, None)
    assert all(TIME.fullmatch(record[f"{verb}_at"]) for verb in ("started", "last_op", "created"))


async def test_get_shows_what_start_answered(caller: Caller) -> None:
    """GET returns the same record that the start returned."""
    started = await caller.start("g1")

    assert (await caller.get(GAME)).json == started.json


async def test_list_shows_every_record_ordered_by_game(caller: Caller) -> None:
    """The list holds the records of all games, ordered by their ids."""
    for game in ("b", "a"):
        await caller.start(game)

    answer = await caller.get(RUNTIMES)

    assert [item["game_id"] for item in answer.json["items"]] == ["a", "b"]


async def test_long_list_is_one_answer(caller: Caller, world: World) -> None:
    """It is sent in parts, which together are what the contract has."""
    games = [GameId(f"g{number:04}") for number in range(PAGE + 1)]
    world.store.runtime_records.update((game, make_record(game_id=game)) for game in games)

    answer = await caller.get(RUNTIMES)

    assert "content-length" not in answer.headers
    assert [item["game_id"] for item in answer.json["items"]] == games


async def test_list_without_games_is_empty(caller: Caller) -> None:
    """No game is an empty list, not an error."""
    assert (await caller.get(RUNTIMES)).json == {"items": []}


async def test_start_again_is_a_replay(caller: Caller, world: World) -> None:
    """Repeating a start answers 200 with the same record and starts nothing."""
    first = await caller.start("g1")
    again = await caller.start("g1")

    assert (again.status, again.json) == (200, first.json)
    assert len(world.docker.starts) == 1


async def test_stop_keeps_its_reason(caller: Caller, world: World) -> None:
    """The reason of a stop is kept with the operation."""
    await caller.start("g1")
    answer = await caller.post(f"{GAME}/stop", {"reason": "timeout"})

    assert (answer.status, answer.json["status"]) == (200, "stopped")
    assert world.last.request.reason is StopReason.TIMEOUT


async def test_stop_with_an_unknown_reason_is_refused(caller: Caller) -> None:
    """Stop reasons are a closed set."""
    await caller.start("g1")
    answer = await caller.post(f"{GAME}/stop", {"reason": "boredom"})

    assert answer.error == (400, "invalid_request")
    assert "reason must be one of" in answer.message


async def test_restart_needs_no_body(caller: Caller, world: World) -> None:
    """Restart runs the same image in a new container."""
    before = (await caller.start("g1")).json["current_container_id"]
    answer = await caller.post(f"{GAME}/restart")

    assert answer.status == 200
    assert answer.json["current_container_id"] == world.engine.id != before


async def test_patch_runs_the_new_image(caller: Caller) -> None:
    """Patch answers with the new image."""
    await caller.start("g1")
    answer = await caller.post(f"{GAME}/patch", {"image_ref": PATCHED})

    assert (answer.status, answer.json["current_image_ref"]) == (200, PATCHED)


async def test_cleanup_leaves_the_record_without_a_container(caller: Caller) -> None:
    """After a cleanup the record is removed; container, image and endpoint are null."""
    await caller.start("g1")
    await caller.post(f"{GAME}/stop", {"reason": "finished"})
    answer = await caller.send("DELETE", f"{GAME}/container")

    gone = ("current_container_id", "current_image_ref", "engine_endpoint")
    assert (answer.status, answer.json["status"]) == (200, "removed")
    assert [answer.json[key] for key in gone] == [None, None, None]


async def test_healthz_depends_on_nothing(caller: Caller, world: World) -> None:
    """The health check answers 200 even when every dependency is away."""
    await world.docker_leaves()
    answer = await caller.get("/healthz")

    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert world.manager.calls == []


async def test_readyz_names_what_is_away(caller: Caller, world: World) -> None:
    """Readiness is 200 when all dependencies answer, else 503 naming those that do not."""
    ready = await caller.get("/readyz")
    await world.docker_leaves()
    world.clock.advance(MAX_AGE + 0.1)
    answer = await caller.get("/readyz")

    assert (ready.status, ready.json) == (200, {"status": "ready"})
    assert answer.error == (503, "docker_unavailable")
    assert "docker" in answer.message


@pytest.mark.parametrize("name", [b"gm", b"gm \t"])
async def test_request_is_recorded_with_caller_and_request_id(
    name: bytes, caller: Caller, world: World
) -> None:
    """The operation log records the caller and the request id; blanks after them do not count."""
    await caller.send(
        "POST",
        f"{GAME}/start",
        body=b'{"image_ref": "galaxy/game:1.5.0"}',
        headers=[JSON, (b"x-galaxy-caller", name), (b"x-request-id", b"lobby-42")],
    )

    origin = world.last.request.origin
    assert (origin.source, origin.source_ref) == (OpSource.GM_REST, "lobby-42")
    assert world.last.request.image_ref == OTHER
