"""Docker, Postgres and Redis taken away and brought back, while the service keeps running."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from dev.checkout import ensure_network, remove_network
from tests.acceptance.fault_injection import DOCKER_TIMEOUT, Proxies
from tests.support.calls import error, message, ok, under_way, wait_until
from tests.support.environment import (
    STOP_GRACE_SECONDS,
    STUBBORN_ENGINE,
    Environment,
    NewEnvironment,
    Request,
    new_game,
    remove_games,
)
from tests.support.running_service import RUNTIMES

# The call has a deadline, and so has the observation of what it did.
DOCKER_DEADLINE = 2 * DOCKER_TIMEOUT + 1.5
# Postgres: a connection within 2 s, an answer within 5 s. Redis: 2 s.
SERVICE_DEADLINE = 9.0
# The grace period and the deadline of the call, then two observations.
STOP_DEADLINE = STOP_GRACE_SECONDS + 3 * DOCKER_TIMEOUT + 1.5
AWAY = ("refuse", "hang")

MUTATIONS: dict[str, Request] = {
    "start": lambda environment, _: environment.start(new_game()),
    "patch": lambda environment, game: environment.patch(game, "1.4.8"),
    "restart": lambda environment, game: environment.restart(game),
    "stop": lambda environment, game: environment.stop(game),
}
READS: dict[str, Request] = {
    "get": lambda environment, game: environment.get(game),
    "list": lambda environment, _: environment.call("GET", RUNTIMES),
}


@pytest.fixture(scope="module")
def environment(impatient_environment: Environment) -> Environment:
    """Return a service that reaches everything through a proxy."""
    return impatient_environment


@pytest.fixture(scope="module")
def running_game(environment: Environment, docker_api: Any) -> Iterator[str]:
    """Return a running game."""
    name = new_game()
    ok(environment.start(name))
    yield name
    remove_games(docker_api, [name])


def _timed(call: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return call(), time.monotonic() - began


@pytest.mark.parametrize("mode", AWAY)
@pytest.mark.parametrize("name", MUTATIONS)
def test_mutations_without_docker_are_refused_in_time(
    environment: Environment, running_game: str, proxies: Proxies, name: str, mode: str
) -> None:
    """Without Docker a mutation is refused with docker_unavailable in time, and changes nothing."""
    before = ok(environment.get(running_game))
    getattr(proxies.docker, mode)()

    answer, seconds = _timed(lambda: MUTATIONS[name](environment, running_game))

    assert error(answer) == (503, "docker_unavailable")
    assert seconds < DOCKER_DEADLINE
    assert ok(environment.get(running_game)) == before


@pytest.mark.parametrize("mode", AWAY)
def test_reads_do_not_need_docker(
    environment: Environment, running_game: str, proxies: Proxies, mode: str
) -> None:
    """GET and list answer from Postgres alone, and so does healthz."""
    getattr(proxies.docker, mode)()

    for read in READS.values():
        answer, seconds = _timed(partial(read, environment, running_game))
        assert (answer.status_code, seconds < 1) == (200, True)
    assert environment.call("GET", "/healthz").status_code == 200


@pytest.mark.parametrize("mode", AWAY)
@pytest.mark.parametrize(
    ("server", "code"),
    [
        ("docker", "docker_unavailable"),
        ("postgres", "service_unavailable"),
        ("redis", "service_unavailable"),
    ],
)
def test_readyz_names_what_is_away(
    environment: Environment, proxies: Proxies, server: str, code: str, mode: str
) -> None:
    """Readiness is lost within its limits, of one second and two, and restored with the server."""
    getattr(getattr(proxies, server), mode)()

    answer, seconds = _timed(lambda: _lost_readiness(environment))
    getattr(proxies, server).pass_on()

    assert error(answer) == (503, code)
    assert message(answer).startswith(f"{server}: ")
    assert seconds < 4
    assert _within(5, lambda: _is_ready(environment))


@pytest.mark.parametrize("mode", AWAY)
@pytest.mark.parametrize("server", ["docker", "postgres", "redis"])
def test_everything_works_again_without_a_restart(
    environment: Environment, game: str, proxies: Proxies, server: str, mode: str
) -> None:
    """After an outage a game works as if nothing had happened."""
    ok(environment.start(game))
    getattr(getattr(proxies, server), mode)()
    assert environment.restart(game).status_code == 503
    getattr(proxies, server).pass_on()

    assert _within(10, lambda: environment.restart(game).status_code == 200)

    environment.assert_runs(game, "1.4.7", parked_may_stay=True)  # see impatient_environment


@pytest.mark.parametrize("mode", AWAY)
def test_nothing_works_without_postgres_and_everything_says_so(
    environment: Environment, running_game: str, proxies: Proxies, mode: str
) -> None:
    """Without Postgres reads and mutations are refused with service_unavailable, in time."""
    getattr(proxies.postgres, mode)()

    for call in (READS["get"], READS["list"], MUTATIONS["stop"]):
        answer, seconds = _timed(partial(call, environment, running_game))
        assert error(answer) == (503, "service_unavailable")
        assert seconds < SERVICE_DEADLINE
    assert environment.containers(running_game)[0]["State"] == "running"


@pytest.mark.parametrize("mode", AWAY)
def test_without_redis_reads_answer_and_mutations_are_refused(
    environment: Environment, running_game: str, proxies: Proxies, mode: str
) -> None:
    """Without a lease a mutation is refused, and has a row that says so; reads need none."""
    getattr(proxies.redis, mode)()

    answer, seconds = _timed(lambda: environment.stop(running_game))

    assert error(answer) == (503, "service_unavailable")
    assert seconds < SERVICE_DEADLINE
    row = environment.operations(running_game)[-1]
    assert (row["kind"], row["outcome"], row["error_code"]) == (
        "stop",
        "failure",
        "service_unavailable",
    )
    assert ok(environment.get(running_game))["status"] == "running"
    assert environment.call("GET", RUNTIMES).status_code == 200


def test_trap_stop_hangs_for_ever(
    environment: Environment, game: str, running_game: str, proxies: Proxies
) -> None:
    """A stop that Docker leaves unanswered ends at its deadline, and can be repeated."""
    ok(environment.start(game, STUBBORN_ENGINE))
    began = time.monotonic()
    with under_way(lambda: environment.stop(game)) as answer:
        wait_until(lambda: environment.operations(game)[-1]["kind"] == "stop")
        time.sleep(0.3)  # the intent is written; let the call to Docker go out
        proxies.docker.hang()
        read, read_seconds = _timed(lambda: environment.get(running_game))
        refused = answer()
    seconds = time.monotonic() - began
    proxies.docker.pass_on()

    assert refused is not None
    assert error(refused) == (503, "docker_unavailable")
    assert seconds < STOP_DEADLINE
    assert (read.status_code, read_seconds < 1) == (200, True)
    assert ok(environment.restart(running_game))["status"] == "running"
    assert ok(environment.stop(game))["status"] == "stopped"


def test_stop_is_not_begun_without_docker(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """A stop observes first: without Docker it is refused before an operation is open."""
    ok(environment.start(game))
    proxies.docker.hang()

    answer, seconds = _timed(lambda: environment.stop(game))
    row = environment.operations(game)[-1]

    assert error(answer) == (503, "docker_unavailable")
    assert seconds < DOCKER_DEADLINE  # the reconciler may hold the game at that moment
    assert (row["outcome"], row["error_code"]) == ("failure", "docker_unavailable")


def test_missing_network_is_named(new_environment: NewEnvironment, docker_host: str) -> None:
    """A network that was removed is named by readyz, and a start is refused at once."""
    network = new_game()
    ensure_network(docker_host, network)
    environment = new_environment(docker_network=network)
    remove_network(docker_host, network)
    game = new_game()

    ready, start = _lost_readiness(environment), environment.start(game)

    assert error(ready) == (503, "service_unavailable")
    assert message(ready) == f"network: the Docker network {network} does not exist"
    assert error(start) == (400, "start_config_invalid")
    assert f"docker network create {network}" in message(start)
    assert not environment.state(game).exists()
    environment.assert_nothing_left(game)


def _lost_readiness(environment: Environment) -> httpx.Response:
    """Return the first answer that is not ready; for a second the last check is shared."""
    while (answer := environment.call("GET", "/readyz")).is_success:
        time.sleep(0.05)
    return answer


def _is_ready(environment: Environment) -> bool:
    return environment.call("GET", "/readyz").status_code == 200


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not (held := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return held
