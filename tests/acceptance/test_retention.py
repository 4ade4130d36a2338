"""Retention: the container of a game that was stopped long ago is removed, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support.calls import ok, wait_until
from tests.support.environment import Environment, NewEnvironment, Row, new_game, remove_games

DAYS = 1
"""As few as the settings allow: the ages below differ by hours, not days."""
HOURS_SINCE = {"old": 24 * DAYS + 1, "young": 24 * DAYS - 1, "running": 24 * 365}
"""Hours since the last operation on each game."""
_A_YEAR_EARLIER = """
    UPDATE operation_log SET
        started_at = started_at - interval '366 days',
        finished_at = finished_at - interval '366 days'
    WHERE game_id = %s RETURNING 1
"""


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that cleans up old containers all the time."""
    return new_environment(container_retention_days=str(DAYS), cleanup_interval="200ms")


@pytest.fixture(scope="module")
def games(environment: Environment, docker_api: Any) -> Iterator[Mapping[str, str]]:
    """Return games whose records say that their last operation was so many hours ago."""
    names = {age: new_game() for age in HOURS_SINCE}
    for age, game in names.items():
        ok(environment.start(game))
        (environment.state(game) / "turn").write_text(f"turn of {age}")
        if age != "running":
            ok(environment.stop(game))
    for age, game in names.items():
        _touched(environment, game, HOURS_SINCE[age])
    _wait_for_a_whole_cycle(environment)
    yield names
    remove_games(docker_api, list(names.values()))


def _touched(environment: Environment, game: str, hours: int) -> None:
    """Make the record as old as if no operation had touched the game for so long."""
    since = f"now() - interval '{int(hours)} hours'"
    statement = f"UPDATE runtime_records SET last_op_at = {since} WHERE game_id = %s RETURNING 1"  # noqa: S608 - a number
    assert environment.rows(statement, game)


def _wait_for_a_whole_cycle(environment: Environment) -> None:
    """Wait until one more old game is removed: by then every other old one was considered."""
    last = new_game()
    for _ in range(2):
        ok(environment.start(last))
        ok(environment.stop(last))
        _touched(environment, last, 24 * 365)
        wait_until(lambda: ok(environment.get(last))["status"] == "removed")


def test_container_of_a_game_stopped_long_ago_is_removed(
    environment: Environment, games: Mapping[str, str]
) -> None:
    """The record says removed, the operation log says by whom, and the state directory stays."""
    old = games["old"]
    record, row = ok(environment.get(old)), _last_operation(environment, old)

    assert environment.containers(old) == []
    assert (record["status"], record["current_container_id"]) == ("removed", None)
    assert record["removed_at"] == record["last_op_at"]
    assert (row["kind"], row["source"], row["outcome"]) == (
        "cleanup_container",
        "auto_ttl",
        "success",
    )
    assert (environment.state(old) / "turn").read_text() == "turn of old"


@pytest.mark.parametrize(("age", "status"), [("young", "stopped"), ("running", "running")])
def test_every_other_container_stays(
    environment: Environment, games: Mapping[str, str], age: str, status: str
) -> None:
    """The container of a game that stopped an hour later stays, and so does one that runs."""
    game = games[age]
    (container,) = environment.containers(game)

    assert ok(environment.get(game))["status"] == status
    assert ok(environment.get(game))["current_container_id"] == container["Id"]
    assert _last_operation(environment, game)["source"] != "auto_ttl"


def test_game_whose_container_was_removed_starts_again(
    environment: Environment, games: Mapping[str, str]
) -> None:
    """A game whose container was removed starts again with its old state."""
    old = games["old"]

    ok(environment.start(old))

    assert (environment.state(old) / "turn").read_text() == "turn of old"
    environment.assert_runs(old, "1.4.7")


def _last_operation(environment: Environment, game: str) -> Row:
    return environment.operations(game)[-1]


def test_old_operations_leave_the_log(environment: Environment, games: Mapping[str, str]) -> None:
    """What ended more than a year ago is deleted, except the last operations of a live game."""
    stranger, live = new_game(), games["running"]
    assert environment.stop(stranger).status_code == 404
    for game in (stranger, live):
        assert environment.rows(_A_YEAR_EARLIER, game)
    before = environment.operations(live)

    environment.service.restart()
    wait_until(lambda: not environment.operations(stranger))

    assert environment.operations(live) == before
    assert environment.rows("SELECT 1 FROM game_leases WHERE game_id = %s", stranger) == []
