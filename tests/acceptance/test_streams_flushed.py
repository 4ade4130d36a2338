"""Redis is flushed while jobs are under way: what it held is gone, and nothing depends on it."""

import pytest

from rtmanager.adapters.redis.lease_key import lease_key
from rtmanager.domain.game_id import GameId
from tests.acceptance.streams import GROUP, START_JOBS, STOP_JOBS, Lobby
from tests.support.calls import ok, wait_until
from tests.support.environment import (
    SHORT_LEASE,
    SILENT_ENGINE,
    Environment,
    NewEnvironment,
    image_of,
)

SILENT = image_of(SILENT_ENGINE)


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service whose operations are soon resumed after they have lost their lease."""
    return new_environment(game_lease_ttl_seconds=SHORT_LEASE)


def test_a_flushed_redis_gets_its_groups_again(
    environment: Environment, lobby: Lobby, game: str
) -> None:
    """After FLUSHALL the groups are created again and later jobs work."""
    lobby.result(lobby.start(game))
    lobby.redis.flushall()
    stop, start = lobby.stop(game), lobby.start(game)
    results = [lobby.result(job) for job in (stop, start)]

    assert [(each["outcome"], each["error_code"]) for each in results] == [("success", "")] * 2
    assert [each["job_id"] for each in lobby.results(game)] == [stop, start]
    for stream in (START_JOBS, STOP_JOBS):
        assert [each["name"] for each in lobby.redis.xinfo_groups(stream)] == [GROUP]
    environment.assert_runs(game, "1.4.7")


def test_a_job_under_way_survives_a_flush(
    environment: Environment, lobby: Lobby, game: str
) -> None:
    """A job whose lease was flushed away is resumed and answered once; its game keeps running."""
    job = lobby.start(game, SILENT)
    wait_until(lambda: environment.containers(game))
    lobby.redis.flushall()
    result = lobby.result(job)
    stop = lobby.result(lobby.stop(game))
    answer = environment.start(game)

    assert [each["job_id"] for each in lobby.results(game)] == [job, stop["job_id"]]
    assert result["outcome"] == "success"
    assert len([row for row in environment.operations(game) if row["source_ref"] == job]) == 1
    assert ok(answer)["status"] == "running"
    environment.assert_runs(game, "1.4.7")


def test_leases_are_taken_again_after_a_flush(
    environment: Environment, lobby: Lobby, game: str
) -> None:
    """A start after the flush holds its game's lease as before, and releases it."""
    lobby.redis.flushall()
    job = lobby.start(game, SILENT)
    wait_until(lambda: lobby.redis.exists(lease_key(environment.installation, GameId(game))))
    lobby.result(job)

    wait_until(lambda: not lobby.redis.exists(lease_key(environment.installation, GameId(game))))
    environment.assert_no_open_operation(game)
