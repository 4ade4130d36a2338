"""Replies that get lost and callers that leave, in the middle of the work."""

import base64
import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from tests.acceptance.conftest import StageMaker
from tests.acceptance.proxied import Proxies
from tests.acceptance.stage import Stage, error, image_of, ok, under_way, wait_until
from tests.services.running_service import RUNTIMES

# Its start takes as long as the gate: nothing that leaves in the middle of it leaves too late.
SILENT = "1.4.90-never-listens"
OUTAGE_SECONDS = 3 + 1.5  # conftest.QUICK's gate, and some more
CREATE, START, STOP, RENAME = b"/containers/create", b"/start HTTP", b"/stop?", b"/rename?"


@pytest.fixture(scope="module")
def stage(new_stage: StageMaker, proxied_settings: dict[str, str]) -> Stage:
    """Return a service that reaches everything through a proxy."""
    return new_stage(**proxied_settings)


@pytest.mark.parametrize("lost", [CREATE, START])
def test_trap_start_500_but_running(stage: Stage, game: str, proxies: Proxies, lost: bytes) -> None:
    """A start whose reply from Docker got lost looks, finds it done, and succeeds."""
    before = proxies.docker.lost_replies
    proxies.docker.lose_reply_to(lost)

    ok(stage.start(game))

    assert proxies.docker.lost_replies == before + 1
    stage.assert_true_record(game, "1.4.7")


@pytest.mark.parametrize("lost", [STOP, RENAME, CREATE, START, b"DELETE /v"])
def test_restart_survives_each_lost_reply(
    stage: Stage, game: str, proxies: Proxies, lost: bytes
) -> None:
    """Whichever reply of Docker gets lost, a look shows that the work was done."""
    before = ok(stage.start(game))
    lost_before = proxies.docker.lost_replies
    proxies.docker.lose_reply_to(lost)

    after = ok(stage.restart(game))

    assert proxies.docker.lost_replies == lost_before + 1
    assert after["current_container_id"] != before["current_container_id"]
    stage.assert_true_record(game, "1.4.7")


def test_stop_looks_after_a_lost_reply(stage: Stage, game: str, proxies: Proxies) -> None:
    """A stop whose reply got lost finds the engine stopped, and succeeds."""
    ok(stage.start(game))
    before = proxies.docker.lost_replies
    proxies.docker.lose_reply_to(STOP)

    record = ok(stage.stop(game))

    assert proxies.docker.lost_replies == before + 1
    assert record["status"] == "stopped"
    assert stage.containers(game)[0]["State"] == "exited"


def _is_created(stage: Stage, game: str) -> Callable[[], object]:
    return lambda: stage.containers(game)


def test_docker_that_leaves_in_the_middle_of_a_start(
    stage: Stage, game: str, proxies: Proxies
) -> None:
    """The start is refused, and repeating it ends with one container and a true record."""
    with under_way(lambda: stage.start(game, SILENT)) as answer:
        wait_until(_is_created(stage, game))
        proxies.docker.refuse()
        first = answer()
    proxies.docker.pass_on()

    assert first is not None
    assert error(first) == (503, "docker_unavailable")
    ok(stage.start(game, SILENT))
    stage.assert_true_record(game, SILENT)


def test_docker_that_leaves_in_the_middle_of_a_patch(
    stage: Stage, game: str, proxies: Proxies
) -> None:
    """The patch is refused, and repeating it ends with one container and a true record."""
    ok(stage.start(game))
    with under_way(lambda: stage.patch(game, "1.4.8")) as answer:
        wait_until(lambda: len(stage.containers(game)) == 2)
        proxies.docker.refuse()
        first = answer()
    proxies.docker.pass_on()

    assert first is not None
    assert error(first) == (503, "docker_unavailable")
    ok(stage.patch(game, "1.4.8"))
    stage.assert_true_record(game, "1.4.8")


def test_trap_outcome_lost_in_a_short_outage(stage: Stage, game: str, proxies: Proxies) -> None:
    """When Postgres leaves before the outcome is written, it is written as soon as it is back."""
    with under_way(lambda: stage.start(game, SILENT)) as answer:
        wait_until(_is_created(stage, game))
        proxies.postgres.refuse()
        time.sleep(OUTAGE_SECONDS)
        assert stage.operations(game)[0]["outcome"] is None, "Postgres left too late"
        proxies.postgres.pass_on()
        first = answer()

    assert first is not None
    assert ok(first)["status"] == "running"
    (row,) = stage.operations(game)
    assert (row["outcome"], row["error_code"]) == ("success", None)
    stage.assert_true_record(game, SILENT)


def test_lease_whose_grant_was_not_heard(stage: Stage, game: str, proxies: Proxies) -> None:
    """A lease that Redis granted without our hearing of it does not lock the game out."""
    before = proxies.redis.lost_replies
    lease = base64.urlsafe_b64encode(game.encode())
    proxies.redis.lose_reply_to(b":game_lease:" + lease)

    first = stage.start(game)

    assert proxies.redis.lost_replies == before + 1
    assert error(first) == (503, "service_unavailable")
    ok(stage.start(game))
    stage.assert_true_record(game, "1.4.7")


def test_redis_that_leaves_in_the_middle_of_a_start(
    stage: Stage, game: str, proxies: Proxies
) -> None:
    """An operation whose lease cannot be renewed is done, or carried on by the next."""
    with under_way(lambda: stage.start(game, SILENT)) as answer:
        wait_until(_is_created(stage, game))
        proxies.redis.refuse()
        assert stage.operations(game)[0]["outcome"] is None, "Redis left too late"
        first = answer()
    proxies.redis.pass_on()

    assert first is not None
    assert first.status_code in {200, 409, 503}
    wait_until(lambda: stage.start(game, SILENT).status_code == 200)
    stage.assert_true_record(game, SILENT)


def test_trap_reply_lost_retry(stage: Stage, game: str) -> None:
    """A caller that leaves stops nothing: the operation ends, and repeating it is a replay."""
    _ask_and_hang_up(stage, game)
    wait_until(lambda: stage.operations(game)[0]["outcome"] is not None)

    repeated: httpx.Response = stage.start(game, SILENT)
    first, second = stage.operations(game)

    assert ok(repeated)["status"] == "running"
    assert (first["outcome"], first["error_code"]) == ("success", None)
    assert (second["outcome"], second["error_code"]) == ("success", "replay_no_op")
    stage.assert_true_record(game, SILENT)


def _ask_and_hang_up(stage: Stage, game: str) -> None:
    body = json.dumps({"image_ref": image_of(SILENT)})
    with closing(http.client.HTTPConnection("127.0.0.1", stage.service.port)) as caller:
        path, kind = f"{RUNTIMES}/{game}/start", {"Content-Type": "application/json"}
        caller.request("POST", path, body, kind)
        wait_until(lambda: stage.operations(game))
        assert stage.operations(game)[0]["outcome"] is None, "hung up too late"
