"""Replies that get lost and callers that disconnect, in the middle of an operation."""

import base64
import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from tests.acceptance.fault_injection import Proxies
from tests.support.calls import error, ok, under_way, wait_until
from tests.support.environment import (
    SILENT_ENGINE,
    START_GATE_SECONDS,
    Environment,
    NewEnvironment,
    image_of,
)
from tests.support.running_service import RUNTIMES

OUTAGE_SECONDS = START_GATE_SECONDS + 1.5
CREATE, START, STOP, RENAME = b"/containers/create", b"/start HTTP", b"/stop?", b"/rename?"


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment, proxied_settings: dict[str, str]) -> Environment:
    """Return a service that reaches everything through a proxy.

    A repeated request waits for the operation that is resumed, even on a slow host.
    """
    return new_environment(**proxied_settings, game_lease_wait="20s")


@pytest.mark.parametrize("lost", [CREATE, START])
def test_trap_start_500_but_running(
    environment: Environment, game: str, proxies: Proxies, lost: bytes
) -> None:
    """A start whose reply from Docker got lost observes that it took effect, and succeeds."""
    before = proxies.docker.lost_replies
    proxies.docker.lose_reply_to(lost)

    ok(environment.start(game))

    assert proxies.docker.lost_replies == before + 1
    environment.assert_runs(game, "1.4.7")


@pytest.mark.parametrize("lost", [STOP, RENAME, CREATE, START, b"DELETE /v"])
def test_restart_survives_each_lost_reply(
    environment: Environment, game: str, proxies: Proxies, lost: bytes
) -> None:
    """Whichever reply of Docker gets lost, the restart observes its effect, and succeeds."""
    before = ok(environment.start(game))
    lost_before = proxies.docker.lost_replies
    proxies.docker.lose_reply_to(lost)

    after = ok(environment.restart(game))

    assert proxies.docker.lost_replies == lost_before + 1
    assert after["current_container_id"] != before["current_container_id"]
    environment.assert_runs(game, "1.4.7")


def test_stop_observes_after_a_lost_reply(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """A stop whose reply got lost observes that the engine has stopped, and succeeds."""
    ok(environment.start(game))
    before = proxies.docker.lost_replies
    proxies.docker.lose_reply_to(STOP)

    record = ok(environment.stop(game))

    assert proxies.docker.lost_replies == before + 1
    assert record["status"] == "stopped"
    assert environment.containers(game)[0]["State"] == "exited"


def _is_created(environment: Environment, game: str) -> Callable[[], object]:
    return lambda: environment.containers(game)


def test_docker_that_goes_away_in_the_middle_of_a_start(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """The start is refused, and repeating it ends with one container and a matching record."""
    with under_way(lambda: environment.start(game, SILENT_ENGINE)) as answer:
        wait_until(_is_created(environment, game))
        proxies.docker.refuse()
        first = answer()
    proxies.docker.pass_on()

    assert first is not None
    assert error(first) == (503, "docker_unavailable")
    ok(environment.start(game, SILENT_ENGINE))
    environment.assert_runs(game, SILENT_ENGINE)


def test_docker_that_goes_away_in_the_middle_of_a_patch(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """The patch is refused, and repeating it ends with one container and a matching record."""
    ok(environment.start(game))
    with under_way(lambda: environment.patch(game, "1.4.8")) as answer:
        wait_until(lambda: len(environment.containers(game)) == 2)
        proxies.docker.refuse()
        first = answer()
    proxies.docker.pass_on()

    assert first is not None
    assert error(first) == (503, "docker_unavailable")
    ok(environment.patch(game, "1.4.8"))
    environment.assert_runs(game, "1.4.8")


def test_trap_outcome_lost_in_a_short_outage(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """If Postgres is away when the outcome is due, it is written as soon as Postgres is back."""
    with under_way(lambda: environment.start(game, SILENT_ENGINE)) as answer:
        wait_until(_is_created(environment, game))
        proxies.postgres.refuse()
        time.sleep(OUTAGE_SECONDS)
        assert environment.operations(game)[0]["outcome"] is None, "Postgres left too late"
        proxies.postgres.pass_on()
        first = answer()

    assert first is not None
    assert ok(first)["status"] == "running"
    (row,) = environment.operations(game)
    assert (row["outcome"], row["error_code"]) == ("success", None)
    environment.assert_runs(game, SILENT_ENGINE)


def test_lease_whose_grant_was_not_heard(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """A lease whose grant got lost on its way from Redis does not lock the game."""
    before = proxies.redis.lost_replies
    lease = base64.urlsafe_b64encode(game.encode())
    proxies.redis.lose_reply_to(b":game_lease:" + lease)

    first = environment.start(game)

    assert proxies.redis.lost_replies == before + 1
    assert error(first) == (503, "service_unavailable")
    ok(environment.start(game))
    environment.assert_runs(game, "1.4.7")


def test_redis_that_goes_away_in_the_middle_of_a_start(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """An operation whose lease cannot be renewed is finished, or resumed by the next request."""
    with under_way(lambda: environment.start(game, SILENT_ENGINE)) as answer:
        wait_until(_is_created(environment, game))
        proxies.redis.refuse()
        assert environment.operations(game)[0]["outcome"] is None, "Redis left too late"
        first = answer()
    proxies.redis.pass_on()

    assert first is not None
    assert first.status_code in {200, 409, 503}
    wait_until(lambda: environment.start(game, SILENT_ENGINE).status_code == 200)
    environment.assert_runs(game, SILENT_ENGINE)


def test_trap_reply_lost_retry(environment: Environment, game: str) -> None:
    """A caller that disconnects stops nothing: the operation ends, and repeating it is a replay."""
    _ask_and_hang_up(environment, game)
    wait_until(lambda: environment.operations(game)[0]["outcome"] is not None)

    repeated: httpx.Response = environment.start(game, SILENT_ENGINE)
    first, second = environment.operations(game)

    assert ok(repeated)["status"] == "running"
    assert (first["outcome"], first["error_code"]) == ("success", None)
    assert (second["outcome"], second["error_code"]) == ("success", "replay_no_op")
    environment.assert_runs(game, SILENT_ENGINE)


def _ask_and_hang_up(environment: Environment, game: str) -> None:
    body = json.dumps({"image_ref": image_of(SILENT_ENGINE)})
    with closing(http.client.HTTPConnection("127.0.0.1", environment.service.port)) as caller:
        path, kind = f"{RUNTIMES}/{game}/start", {"Content-Type": "application/json"}
        caller.request("POST", path, body, kind)
        wait_until(lambda: environment.operations(game))
        assert environment.operations(game)[0]["outcome"] is None, "hung up too late"
