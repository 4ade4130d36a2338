from contextlib import closing
from pathlib import Path

from redis import Redis

from dev.embedded_redis import EmbeddedRedis, start_redis


def _redis(server: EmbeddedRedis) -> Redis:
    return Redis(host="127.0.0.1", port=server.port)


def test_redis_keeps_its_data_and_address_over_a_restart(tmp_path: Path) -> None:
    """The next run finds the data and the address of this one."""
    server = start_redis(tmp_path / "redis")
    with closing(_redis(server)) as client:
        client.set("turn", 42)
    server.stop()

    again = start_redis(tmp_path / "redis")
    with closing(_redis(again)) as client:
        turn = client.get("turn")
    again.stop()

    assert (turn, again.address) == (b"42", server.address)


def test_a_redis_that_still_runs_is_taken_over(tmp_path: Path) -> None:
    """A server that a killed run left is used by the next run, which may stop it."""
    server = start_redis(tmp_path / "redis")

    again = start_redis(tmp_path / "redis")
    again.stop()

    assert again == server
    assert not server.process.is_running()


def test_a_redis_that_was_started_again_is_stopped_by_its_first_holder(tmp_path: Path) -> None:
    """The fixture stops the server that runs by then, so a test that restarts it leaves none."""
    server = start_redis(tmp_path / "redis")
    server.stop()
    again = start_redis(tmp_path / "redis")

    server.stop()

    left_behind = again.process.is_running()
    again.stop()
    assert not left_behind
