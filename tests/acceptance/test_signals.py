"""How signals end the process while it works."""

import os
import signal
import socket
from contextlib import closing

import pytest
from redis import Redis

from tests.acceptance.streams import Lobby
from tests.support.calls import error, message, ok, under_way, wait_until
from tests.support.environment import SILENT_ENGINE, Environment, NewEnvironment


@pytest.fixture
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that the test may end."""
    return new_environment()


def test_sigterm_lets_a_start_finish(environment: Environment, game: str) -> None:
    """The caller gets its answer, the process exits with 0 and leaves no lease behind."""
    with under_way(lambda: environment.start(game)) as answer:
        wait_until(lambda: environment.containers(game))
        code = environment.service.stop()
        answered = answer()
    (row,) = environment.operations(game)

    assert code == 0
    assert answered is not None
    assert ok(answered)["status"] == "running"
    assert row["outcome"] == "success"
    assert _leases(environment) == []


def test_second_sigterm_ends_at_once(environment: Environment, game: str) -> None:
    """A second SIGTERM does not wait for work under way, and the exit code says so."""
    with under_way(lambda: environment.start(game, SILENT_ENGINE)) as answer:
        wait_until(lambda: environment.containers(game))
        os.kill(environment.service.pid, signal.SIGTERM)
        wait_until(lambda: _refuses(environment))
        code = environment.service.stop()
        answered = answer()

    assert code == 128 + signal.SIGTERM
    assert answered is None
    assert environment.operations(game)[0]["outcome"] is None


def test_sigterm_lets_load_balancers_notice_first(new_environment: NewEnvironment) -> None:
    """During the drain delay the service says that it is not ready, and answers all the same."""
    environment = new_environment(drain_delay="1s")
    ready = environment.call("GET", "/readyz").status_code
    os.kill(environment.service.pid, signal.SIGTERM)
    wait_until(lambda: environment.call("GET", "/readyz").status_code == 503)
    refusal, alive = environment.call("GET", "/readyz"), environment.call("GET", "/healthz")

    assert ready == 200
    assert error(refusal) == (503, "service_unavailable")
    assert message(refusal) == "the service is shutting down"
    assert alive.status_code == 200
    assert environment.service.wait_for_end(10) == 0


def test_trap_job_is_lost_at_the_signal(
    new_environment: NewEnvironment, lobby: Lobby, game: str
) -> None:
    """A job that runs at the signal is finished, and answered once, by the process that leaves."""
    environment = new_environment(drain_delay="1s")
    job = lobby.start(game)
    wait_until(lambda: environment.containers(game))
    code = environment.service.stop()
    (row,) = environment.operations(game)

    assert code == 0
    assert (row["source_ref"], row["outcome"], row["lost"]) == (job, "success", 0)
    assert lobby.result(job)["outcome"] == "success"


def _leases(environment: Environment) -> list[bytes]:
    address = environment.service.variables["RTMANAGER_REDIS_MASTER_ADDR"]
    host, _, port = address.partition(":")
    with closing(Redis(host=host, port=int(port))) as redis:
        return list(redis.scan_iter("rtmanager:*:game_lease:*"))


def _refuses(environment: Environment) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", environment.service.port)) != 0
