"""Redis flushed, with jobs on their way: whatever it held is gone, and nothing depends on it."""

import pytest

from rtmanager.adapters.redis.lease_key import lease_key
from rtmanager.domain.game_id import GameId
from tests.acceptance.conftest import SHORT_LEASE, StageMaker
from tests.acceptance.lobby import GROUP, START_JOBS, STOP_JOBS, Lobby
from tests.acceptance.stage import Stage, image_of, ok, wait_until

# Its start takes as long as the gate, which leaves time to play tricks.
SILENT = image_of("1.4.90-never-listens")


@pytest.fixture(scope="module")
def stage(new_stage: StageMaker) -> Stage:
    """Return a service that soon takes over what has lost its lease."""
    return new_stage(game_lease_ttl_seconds=SHORT_LEASE)


def test_a_flushed_redis_gets_its_groups_again(stage: Stage, lobby: Lobby, game: str) -> None:
    """After FLUSHALL the groups are made again and later jobs work."""
    lobby.result(lobby.start(game))
    lobby.redis.flushall()
    stop, start = lobby.stop(game), lobby.start(game)
    results = [lobby.result(job) for job in (stop, start)]

    assert [(each["outcome"], each["error_code"]) for each in results] == [("success", "")] * 2
    assert [each["job_id"] for each in lobby.results(game)] == [stop, start]
    for stream in (START_JOBS, STOP_JOBS):
        assert [each["name"] for each in lobby.redis.xinfo_groups(stream)] == [GROUP]
    stage.assert_true_record(game, "1.4.7")


def test_a_job_under_way_survives_a_flush(stage: Stage, lobby: Lobby, game: str) -> None:
    """A job whose lease was flushed away is carried on and answered once; its game works on."""
    job = lobby.start(game, SILENT)
    wait_until(lambda: stage.containers(game))
    lobby.redis.flushall()
    result = lobby.result(job)
    stop = lobby.result(lobby.stop(game))
    answer = stage.start(game)

    assert [each["job_id"] for each in lobby.results(game)] == [job, stop["job_id"]]
    assert result["outcome"] == "success"
    assert len([row for row in stage.operations(game) if row["source_ref"] == job]) == 1
    assert ok(answer)["status"] == "running"
    stage.assert_true_record(game, "1.4.7")


def test_leases_are_taken_again_after_a_flush(stage: Stage, lobby: Lobby, game: str) -> None:
    """What starts after the flush holds its game's lease as before, and gives it back."""
    lobby.redis.flushall()
    job = lobby.start(game, SILENT)
    wait_until(lambda: lobby.redis.exists(lease_key(stage.installation, GameId(game))))
    lobby.result(job)

    wait_until(lambda: not lobby.redis.exists(lease_key(stage.installation, GameId(game))))
    stage.assert_settled(game)
