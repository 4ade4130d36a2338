import pytest

from tests.contract.caller import RUNTIMES, Answer, Caller
from tests.unit.domain.world import World

STRANGE = {
    "NUL": "%00",
    "NUL inside": "g%001",
    "encoded slash": "g1%2Fstop",
    "slash of an existing game": "g1%2F",
    "newline at the end": "g1%0A",
    "carriage return and newline": "g1%0D%0AX-Evil:%201",
    "parent": "..",
    "encoded parent": "%2E%2E",
    "path to a file": "..%2F..%2Fetc%2Fpasswd",
    "this directory": ".",
    "10 kB": "g" * 10_240,
    "one character too long": "g" * 52,
    "emoji": "%F0%9F%8E%B2",
    "truncated UTF-8": "%F0%9F%8E",
    "lone surrogate": "%ED%A0%80",
    "not UTF-8": "%FF%FE",
    "full-width digit": "%EF%BC%91",
    "half an escape": "g1%",
    "no escape": "g1%zz",
    "blank": "%20",
    "leading dash": "-g1",
    "leading dot": ".g1",
    "quotes": "'%22%60",
    "Kelvin sign": "%E2%84%AA",
}
ALL = pytest.mark.parametrize("game", STRANGE.values(), ids=STRANGE)


async def others(caller: Caller, game: str) -> list[Answer]:
    """Call every operation but start for a game."""
    path = f"{RUNTIMES}/{game}"
    return [
        await caller.get(path),
        await caller.post(f"{path}/stop", {"reason": "finished"}),
        await caller.post(f"{path}/restart"),
        await caller.post(f"{path}/patch", {"image_ref": "galaxy/game:1.4.8"}),
        await caller.send("DELETE", f"{path}/container"),
    ]


@ALL
async def test_start_with_a_strange_id_is_refused(game: str, caller: Caller, world: World) -> None:
    """An id that cannot name a container gets 400 with the reason and creates nothing."""
    answer = await caller.start(game)

    assert answer.error == (400, "invalid_request")
    assert "1 to 51 characters" in answer.message
    assert len(answer.message) < 500
    assert answer.message.isprintable()
    assert (world.operations, world.docker.containers) == ([], {})


@ALL
async def test_other_operations_on_a_strange_id_find_nothing(
    game: str, caller: Caller, world: World
) -> None:
    """An id that was never started gets 404, whatever its bytes, and touches no other game."""
    started = await caller.start("g1")

    answers = await others(caller, game)

    assert [answer.error for answer in answers] == [(404, "not_found")] * len(answers)
    assert (await caller.get(f"{RUNTIMES}/g1")).json == started.json
    assert len(world.operations) == 1


async def test_encoded_letters_are_the_same_id(caller: Caller) -> None:
    """Percent-encoding a letter does not change the id."""
    started = await caller.start("g1")

    assert (await caller.get(f"{RUNTIMES}/%67%31")).json == started.json


@pytest.mark.parametrize("game", ["g", "G1", "a.b_c-d", "0", "g" * 51])
async def test_safe_ids_are_started(game: str, caller: Caller) -> None:
    """Letters, digits, `_`, `.` and `-` make an id of up to 51 characters."""
    assert (await caller.start(game)).json["game_id"] == game


@pytest.mark.parametrize("path", ["//start", "/start", "//stop", "/g1//start", "/g1/start/"])
async def test_empty_segments_are_no_path(path: str, caller: Caller, world: World) -> None:
    """An extra or missing slash is another path: no other operation runs and nothing redirects."""
    answer = await caller.post(RUNTIMES + path, {"image_ref": "galaxy/game:1.4.7"})

    assert answer.error in {(404, "not_found"), (405, "invalid_request")}
    assert world.operations == []
