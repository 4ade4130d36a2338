"""How signals end the process while it works."""

import os
import signal
import socket
from collections.abc import Callable
from contextlib import closing

import pytest
from redis import Redis

from tests.acceptance.stage import Stage, ok, under_way, wait_until


@pytest.fixture
def stage(new_stage: Callable[..., Stage]) -> Stage:
    """Return a service that the test may end."""
    return new_stage()


def test_sigterm_lets_a_start_finish(stage: Stage, game: str) -> None:
    """The caller gets its answer, the process ends well and leaves no lease behind."""
    with under_way(lambda: stage.start(game)) as answer:
        wait_until(lambda: stage.containers(game))
        code = stage.service.stop()
        answered = answer()
    (row,) = stage.operations(game)

    assert code == 0
    assert answered is not None
    assert ok(answered)["status"] == "running"
    assert row["outcome"] == "success"
    assert _leases(stage) == []


def test_second_sigterm_ends_at_once(stage: Stage, game: str) -> None:
    """Who asks twice does not wait for work under way, and the exit code says it was cut."""
    with under_way(lambda: stage.start(game, "1.4.90-never-listens")) as answer:
        wait_until(lambda: stage.containers(game))
        os.kill(stage.service.pid, signal.SIGTERM)
        wait_until(lambda: _refuses(stage))
        code = stage.service.stop()
        answered = answer()

    assert code == 128 + signal.SIGTERM
    assert answered is None
    assert stage.operations(game)[0]["outcome"] is None


def _leases(stage: Stage) -> list[bytes]:
    address = stage.service.environment["RTMANAGER_REDIS_MASTER_ADDR"]
    host, _, port = address.partition(":")
    with closing(Redis(host=host, port=int(port))) as redis:
        return list(redis.scan_iter("rtmanager:*:game_lease:*"))


def _refuses(stage: Stage) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", stage.service.port)) != 0
