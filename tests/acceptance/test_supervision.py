"""What the service notices by itself: engines that die, vanish, run out of memory, fall ill."""

import time
from collections.abc import Callable

import pytest

from tests.acceptance.harms import HARMS, Harm, details_of, seconds_until_noticed, told_of
from tests.acceptance.stage import Row, Stage, ok, wait_until
from tests.services.session import Say

WITHIN = 1.0
"""Seconds from Docker's word of an end to ours."""
PROBES = 3
PROBE_SECONDS = 0.5


@pytest.fixture(scope="module")
def stage(new_stage: Callable[..., Stage]) -> Stage:
    """Return a service that probes often and otherwise works as it comes."""
    return new_stage(probe_interval=f"{PROBE_SECONDS}s", probe_failures_threshold=str(PROBES))


@HARMS
def test_lost_engine_is_noticed_at_once(  # noqa: PLR0913, PLR0917 - the four facts of a harm
    stage: Stage,
    game: str,
    say: Say,
    harm: Harm,
    status: str,
    event: str,
    details: Row,
) -> None:
    """An engine that dies or goes is recorded and told of, once, as soon as Docker says so."""
    before, began = ok(stage.start(game, "1.4.90-eats-memory")), time.time()

    seconds_until_noticed(stage, game, harm, status, event)
    (told,) = told_of(stage, game, event)
    seconds = stage.seconds_until_told(stage.outbox(game)[-1], since=began)
    say(f"{event} was in the outbox, and the record {status}, after {seconds:.2f} s ({WITHIN} s)")

    assert 0 < seconds <= WITHIN
    assert told["container_id"] == before["current_container_id"]
    assert details_of(told) == details
    stage.assert_settled(game)


def test_ill_engine_is_told_of_once_and_so_is_its_recovery(
    stage: Stage, game: str, say: Say
) -> None:
    """A failing /healthz gives one probe_failed, and the first answer one probe_recovered."""
    ok(stage.start(game))
    switch = stage.state(game) / "unhealthy"
    began = time.monotonic()
    switch.touch()
    wait_until(lambda: told_of(stage, game, "probe_failed"))
    failed_after = time.monotonic() - began
    time.sleep(PROBES * PROBE_SECONDS)  # as many probes again, which must tell nothing
    switch.unlink()
    wait_until(lambda: told_of(stage, game, "probe_recovered"))
    time.sleep(PROBES * PROBE_SECONDS)  # as above
    told = told_of(stage, game, "probe_failed", "probe_recovered")
    say(f"probe_failed after {failed_after:.2f} s, probing every {PROBE_SECONDS} s")

    assert failed_after >= (PROBES - 1) * PROBE_SECONDS
    assert [each["event_type"] for each in told] == ["probe_failed", "probe_recovered"]
    assert details_of(told[0])["consecutive_failures"] == PROBES
    assert details_of(told[1])["prior_failures"] > PROBES
    assert ok(stage.get(game))["status"] == "running"


def test_restart_of_the_service_tells_nothing_twice(stage: Stage, game: str) -> None:
    """What the probe has told survives kill -9: no second probe_failed, no false recovery."""
    ok(stage.start(game))
    switch = stage.state(game) / "unhealthy"
    switch.touch()
    wait_until(lambda: told_of(stage, game, "probe_failed"))
    stage.service.kill()
    stage.service.start()
    time.sleep(PROBES * PROBE_SECONDS + 1)  # long enough to count to the threshold anew
    between = told_of(stage, game, "probe_failed", "probe_recovered")
    switch.unlink()
    wait_until(lambda: told_of(stage, game, "probe_recovered"))

    assert [each["event_type"] for each in between] == ["probe_failed"]
