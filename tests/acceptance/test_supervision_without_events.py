"""The same with Docker's stream of events cut: the reconciler comes to the same ends."""

import time
from collections.abc import Callable

import pytest

from tests.acceptance.harms import HARMS, Harm, details_of, seconds_until_noticed, told_of
from tests.acceptance.proxied import Proxies
from tests.acceptance.stage import Row, Stage, ok, wait_until
from tests.services.session import Say

RECONCILE_SECONDS = 1
WITHIN = RECONCILE_SECONDS + 1.0
"""Seconds from Docker's word of an end to ours: a reconciliation later at most, and its work."""


@pytest.fixture(scope="module")
def stage(new_stage: Callable[..., Stage], all_proxies: Proxies) -> Stage:
    """Return a service that reconciles every second, and reaches Docker through a proxy."""
    interval = f"{RECONCILE_SECONDS}s"
    return new_stage(docker_host=all_proxies.docker_host, reconcile_interval=interval)


@pytest.fixture
def deaf(stage: Stage, proxies: Proxies) -> None:
    """Cut the stream of Docker's events for a test, and nothing else; it has been missed."""
    assert stage.service.pid
    before = proxies.docker.lost_replies
    proxies.docker.lose_every_reply_to(b"/events?")
    wait_until(lambda: proxies.docker.lost_replies > before)


@HARMS
@pytest.mark.usefixtures("deaf")
def test_lost_engine_is_noticed_without_events(  # noqa: PLR0913, PLR0917 - as above
    stage: Stage,
    game: str,
    say: Say,
    harm: Harm,
    status: str,
    event: str,
    details: Row,
) -> None:
    """With the stream of events cut, the next reconciliation comes to the same end."""
    before, began = ok(stage.start(game, "1.4.90-eats-memory")), time.time()

    seconds_until_noticed(stage, game, harm, status, event)
    (told,) = told_of(stage, game, event)
    seconds = stage.seconds_until_told(stage.outbox(game)[-1], since=began)
    say(f"{event} without events: after {seconds:.2f} s, reconciling every second ({WITHIN} s)")

    assert 0 < seconds <= WITHIN
    assert told["container_id"] == before["current_container_id"]
    assert details_of(told) == details
    stage.assert_settled(game)


def test_trap_stream_eof_is_not_a_crash(stage: Stage, game: str, proxies: Proxies) -> None:
    """Losing every connection to Docker, again and again, changes no record and tells nothing."""
    before = ok(stage.start(game))
    told = told_of(stage, game, "container_exited", "container_disappeared")
    for _ in range(5):
        proxies.docker.cut()
        time.sleep(0.2)
        proxies.docker.refuse()
        time.sleep(0.2)
        proxies.docker.pass_on()

    assert ok(stage.get(game)) == before
    assert told == told_of(stage, game, "container_exited", "container_disappeared") == []
