"""Retention: the container of a game that was stopped long ago goes, and nothing else does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.acceptance.stage import Row, Stage, new_game, ok, remove_containers, wait_until

DAYS = 1
"""As few as the settings allow: hours and days are told apart by the ages below."""
HOURS_SINCE = {"old": 24 * DAYS + 1, "young": 24 * DAYS - 1, "running": 24 * 365}
"""Hours since the last operation on each game."""


@pytest.fixture(scope="module")
def stage(new_stage: Callable[..., Stage]) -> Stage:
    """Return a service that looks for old containers all the time."""
    return new_stage(container_retention_days=str(DAYS), cleanup_interval="200ms")


@pytest.fixture(scope="module")
def games(stage: Stage, docker_api: Any) -> Iterator[Mapping[str, str]]:
    """Return games whose records say that they were last touched so many hours ago."""
    names = {age: new_game() for age in HOURS_SINCE}
    for age, game in names.items():
        ok(stage.start(game))
        (stage.state(game) / "turn").write_text(f"turn of {age}")
        if age != "running":
            ok(stage.stop(game))
    for age, game in names.items():
        _touched(stage, game, HOURS_SINCE[age])
    _wait_for_a_whole_look(stage)
    yield names
    for game in names.values():
        remove_containers(docker_api, {"label": f"com.galaxy.game_id={game}"})


def _touched(stage: Stage, game: str, hours: int) -> None:
    """Make the record as old as if nobody had touched the game for so long."""
    since = f"now() - interval '{int(hours)} hours'"
    statement = f"UPDATE runtime_records SET last_op_at = {since} WHERE game_id = %s RETURNING 1"  # noqa: S608 - a number
    assert stage.rows(statement, game)


def _wait_for_a_whole_look(stage: Stage) -> None:
    """Wait until one more old game is gone: by then every other old enough has had its turn."""
    last = new_game()
    for _ in range(2):
        ok(stage.start(last))
        ok(stage.stop(last))
        _touched(stage, last, 24 * 365)
        wait_until(lambda: ok(stage.get(last))["status"] == "removed")


def test_container_of_a_game_stopped_long_ago_goes(stage: Stage, games: Mapping[str, str]) -> None:
    """The record says removed, the operation log by whom, and the state directory stays."""
    old = games["old"]
    record, row = ok(stage.get(old)), _last_operation(stage, old)

    assert stage.containers(old) == []
    assert (record["status"], record["current_container_id"]) == ("removed", None)
    assert record["removed_at"] == record["last_op_at"]
    assert (row["kind"], row["source"], row["outcome"]) == (
        "cleanup_container",
        "auto_ttl",
        "success",
    )
    assert (stage.state(old) / "turn").read_text() == "turn of old"


@pytest.mark.parametrize(("age", "status"), [("young", "stopped"), ("running", "running")])
def test_every_other_container_stays(
    stage: Stage, games: Mapping[str, str], age: str, status: str
) -> None:
    """One that was stopped an hour less ago, and one that runs, for however long."""
    game = games[age]
    (container,) = stage.containers(game)

    assert ok(stage.get(game))["status"] == status
    assert ok(stage.get(game))["current_container_id"] == container["Id"]
    assert _last_operation(stage, game)["source"] != "auto_ttl"


def test_game_whose_container_went_starts_again(stage: Stage, games: Mapping[str, str]) -> None:
    """On the state that it had."""
    old = games["old"]

    ok(stage.start(old))

    assert (stage.state(old) / "turn").read_text() == "turn of old"
    stage.assert_true_record(old, "1.4.7")


def _last_operation(stage: Stage, game: str) -> Row:
    return stage.operations(game)[-1]
