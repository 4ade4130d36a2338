"""The loss of an engine while Docker's stream of events is cut: the reconciler notices it."""

import time

import pytest

from tests.acceptance.fault_injection import (
    EACH_ENGINE_FAULT,
    EngineFault,
    Proxies,
    assert_loss_is_reported,
    health_events,
)
from tests.support.calls import ok, wait_until
from tests.support.environment import Environment, NewEnvironment
from tests.support.run import Say

RECONCILE_SECONDS = 1
WITHIN = RECONCILE_SECONDS + 1.0
"""Seconds from Docker's event to ours: at most one reconciliation later, and its work."""


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment, all_proxies: Proxies) -> Environment:
    """Return a service that reconciles every second, and reaches Docker through a proxy."""
    interval = f"{RECONCILE_SECONDS}s"
    return new_environment(docker_host=all_proxies.docker_host, reconcile_interval=interval)


@pytest.fixture
def events_cut(environment: Environment, proxies: Proxies) -> None:
    """Cut the stream of Docker's events for a test, and nothing else."""
    assert environment.service.pid
    before = proxies.docker.lost_replies
    proxies.docker.lose_every_reply_to(b"/events?")
    wait_until(lambda: proxies.docker.lost_replies > before)


@EACH_ENGINE_FAULT
@pytest.mark.usefixtures("events_cut")
def test_lost_engine_is_noticed_without_events(
    environment: Environment, game: str, say: Say, fault: EngineFault
) -> None:
    """With the stream of events cut, the next reconciliation records and reports the loss once."""
    seconds = assert_loss_is_reported(environment, game, fault)
    say(f"{fault.event} without events: after {seconds:.2f} s ({WITHIN} s allowed)")

    assert 0 < seconds <= WITHIN


def test_trap_stream_eof_is_not_a_crash(
    environment: Environment, game: str, proxies: Proxies
) -> None:
    """Losing every connection to Docker, again and again, changes no record and reports nothing."""
    before = ok(environment.start(game))
    before_cuts = health_events(environment, game, "container_exited", "container_disappeared")
    for _ in range(5):
        proxies.docker.cut()
        time.sleep(0.2)
        proxies.docker.refuse()
        time.sleep(0.2)
        proxies.docker.pass_on()

    assert ok(environment.get(game)) == before
    assert (
        before_cuts
        == health_events(environment, game, "container_exited", "container_disappeared")
        == []
    )
