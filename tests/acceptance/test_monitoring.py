"""What the service notices by itself: engines that exit, vanish, lack memory or fall silent."""

import time

import pytest

from tests.acceptance.fault_injection import (
    EACH_ENGINE_FAULT,
    EngineFault,
    assert_loss_is_reported,
    details_of,
    health_events,
)
from tests.support.calls import ok, wait_until
from tests.support.docker import Build
from tests.support.environment import Environment, NewEnvironment
from tests.support.run import Say
from tests.support.running_service import RUNTIMES

WITHIN = 1.0
"""Seconds from Docker's event to ours."""
PROBES = 3
PROBE_SECONDS = 0.5


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return a service that probes and inspects often."""
    return new_environment(
        probe_interval=f"{PROBE_SECONDS}s",
        probe_failures_threshold=str(PROBES),
        inspect_interval="1s",
    )


@EACH_ENGINE_FAULT
def test_lost_engine_is_noticed_at_once(
    environment: Environment, game: str, say: Say, fault: EngineFault
) -> None:
    """The loss of an engine is recorded and reported once, as soon as Docker reports it."""
    seconds = assert_loss_is_reported(environment, game, fault)
    say(f"{fault.event} was in the outbox after {seconds:.2f} s ({WITHIN} s allowed)")

    assert 0 < seconds <= WITHIN


def test_unhealthy_engine_is_reported_once_and_so_is_its_recovery(
    environment: Environment, game: str, say: Say
) -> None:
    """A failing /healthz gives one probe_failed, and the first answer one probe_recovered."""
    ok(environment.start(game))
    switch = environment.state(game) / "unhealthy"
    began = time.monotonic()
    switch.touch()
    wait_until(lambda: health_events(environment, game, "probe_failed"))
    failed_after = time.monotonic() - began
    time.sleep(PROBES * PROBE_SECONDS)  # as many probes again, which must report nothing
    switch.unlink()
    wait_until(lambda: health_events(environment, game, "probe_recovered"))
    time.sleep(PROBES * PROBE_SECONDS)  # as above
    reported = health_events(environment, game, "probe_failed", "probe_recovered")
    say(f"probe_failed after {failed_after:.2f} s, probing every {PROBE_SECONDS} s")

    assert failed_after >= (PROBES - 1) * PROBE_SECONDS
    assert [each["event_type"] for each in reported] == ["probe_failed", "probe_recovered"]
    assert details_of(reported[0])["consecutive_failures"] == PROBES
    assert details_of(reported[1])["prior_failures"] > PROBES
    assert ok(environment.get(game))["status"] == "running"


def test_restart_of_the_service_repeats_no_report(environment: Environment, game: str) -> None:
    """What the probe has reported survives kill -9: no second probe_failed, no false recovery."""
    ok(environment.start(game))
    switch = environment.state(game) / "unhealthy"
    switch.touch()
    wait_until(lambda: health_events(environment, game, "probe_failed"))
    environment.service.kill()
    environment.service.start()
    time.sleep(PROBES * PROBE_SECONDS + 1)  # long enough to reach the threshold again
    between = health_events(environment, game, "probe_failed", "probe_recovered")
    switch.unlink()
    wait_until(lambda: health_events(environment, game, "probe_recovered"))

    assert [each["event_type"] for each in between] == ["probe_failed"]


def test_health_check_of_an_image_is_run_every_ten_seconds_at_most(
    environment: Environment, build: Build, game: str
) -> None:
    """No image can keep Docker busy outside of the engine's limits; a failure is still reported."""
    check = 'HEALTHCHECK --interval=1ms --timeout=2s --retries=1 CMD ["/bin/false"]'
    reference = build('CMD ["/engine/serve"]', check)
    ok(environment.call("POST", f"{RUNTIMES}/{game}/start", {"image_ref": reference}))
    wait_until(lambda: health_events(environment, game, "inspect_unhealthy"), seconds=30)
    container = environment.inspect(f"galaxy-game-{game}")
    shown = container["Config"]["Healthcheck"]
    (reported,) = health_events(environment, game, "inspect_unhealthy")

    assert (shown["Interval"], shown["Timeout"]) == (10_000_000_000, 2_000_000_000)
    assert (shown["Test"], shown["Retries"]) == (["CMD", "/bin/false"], 1)
    assert len(container["State"]["Health"]["Log"]) == 1
    assert details_of(reported)["health"] == "unhealthy"
