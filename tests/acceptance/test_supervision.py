"""What the service notices by itself: engines that die, vanish, run out of memory, fall ill."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.proxied import Proxies
from tests.acceptance.stage import Row, Stage, ok, wait_until
from tests.services.session import Say

Harm = Callable[[Stage, str], None]

WITHIN = 1.0
"""Seconds within which events are told; a busy machine gets some more."""
PATIENCE = 5.0
PROBES = 3


def _kill(stage: Stage, game: str) -> None:
    stage.docker.kill(f"galaxy-game-{game}")


def _remove(stage: Stage, game: str) -> None:
    stage.docker.remove_container(f"galaxy-game-{game}", force=True)


def _eat_memory(stage: Stage, game: str) -> None:
    (stage.state(game) / "eat-memory").touch()


KILLED: tuple[Harm, str, str, Row] = (
    _kill,
    "stopped",
    "container_exited",
    {"exit_code": 137, "oom": False},
)
REMOVED: tuple[Harm, str, str, Row] = (_remove, "removed", "container_disappeared", {})
STARVED: tuple[Harm, str, str, Row] = (
    _eat_memory,
    "stopped",
    "container_oom",
    {"exit_code": 137},
)
HARMS = pytest.mark.parametrize(
    ("harm", "status", "event", "details"),
    [KILLED, REMOVED, STARVED],
    ids=["killed", "removed", "out of memory"],
)


@pytest.fixture(scope="module")
def stage(new_stage: Callable[..., Stage]) -> Stage:
    """Return a service that probes often and otherwise works as it comes."""
    return new_stage(probe_interval="500ms", probe_failures_threshold=str(PROBES))


@pytest.fixture(scope="module")
def deaf_stage(new_stage: Callable[..., Stage], all_proxies: Proxies) -> Stage:
    """Return a service that reconciles every second, and reaches Docker through a proxy."""
    return new_stage(docker_host=all_proxies.docker_host, reconcile_interval="1s")


@pytest.fixture
def deaf(proxies: Proxies) -> Iterator[None]:
    """Cut the stream of Docker's events for a test, and nothing else."""
    proxies.docker.lose_every_reply_to(b"/events?")
    yield
    assert proxies.docker.lost_replies


def _told(stage: Stage, game: str, *events: str) -> list[Row]:
    rows = [each["fields"] for each in stage.outbox(game) if each["stream"] == "health_events"]
    return [each for each in rows if each["event_type"] in events]


def _seconds_until_noticed(stage: Stage, game: str, harm: Harm, status: str, event: str) -> float:
    """Do the harm; return how long it took to be recorded and told."""
    harm(stage, game)
    began = time.monotonic()

    def is_noticed() -> Any:
        told = _told(stage, game, event)
        return told and ok(stage.get(game))["status"] == status

    wait_until(is_noticed, seconds=PATIENCE)
    return time.monotonic() - began


@HARMS
def test_lost_engine_is_noticed_at_once(  # noqa: PLR0913, PLR0917 - the four facts of a harm
    stage: Stage, game: str, say: Say, harm: Harm, status: str, event: str, details: Row
) -> None:
    """An engine that dies or goes is recorded and told of, once, as soon as Docker says so."""
    before = ok(stage.start(game, "1.4.90-eats-memory"))

    seconds = _seconds_until_noticed(stage, game, harm, status, event)
    say(f"{event} was in the outbox, and the record {status}, after {seconds:.2f} s ({WITHIN} s)")
    (told,) = _told(stage, game, event)

    assert told["container_id"] == before["current_container_id"]
    assert _details(told) == details
    stage.assert_settled(game)


@HARMS
@pytest.mark.usefixtures("deaf")
def test_lost_engine_is_noticed_without_events(  # noqa: PLR0913, PLR0917 - as above
    deaf_stage: Stage, game: str, say: Say, harm: Harm, status: str, event: str, details: Row
) -> None:
    """With the stream of events cut, the next reconciliation comes to the same end."""
    before = ok(deaf_stage.start(game, "1.4.90-eats-memory"))

    seconds = _seconds_until_noticed(deaf_stage, game, harm, status, event)
    say(f"{event} without events: after {seconds:.2f} s, reconciling every second")
    (told,) = _told(deaf_stage, game, event)

    assert told["container_id"] == before["current_container_id"]
    assert _details(told) == details
    deaf_stage.assert_settled(game)


def test_trap_stream_eof_is_not_a_crash(deaf_stage: Stage, game: str, proxies: Proxies) -> None:
    """Losing every connection to Docker, again and again, changes no record and tells nothing."""
    before = ok(deaf_stage.start(game))
    told = _told(deaf_stage, game, "container_exited", "container_disappeared")
    for _ in range(5):
        proxies.docker.cut()
        time.sleep(0.2)
        proxies.docker.refuse()
        time.sleep(0.2)
        proxies.docker.pass_on()

    assert ok(deaf_stage.get(game)) == before
    assert told == _told(deaf_stage, game, "container_exited", "container_disappeared") == []


def test_ill_engine_is_told_of_once_and_so_is_its_recovery(
    stage: Stage, game: str, say: Say
) -> None:
    """A failing /healthz gives one probe_failed, and the first answer one probe_recovered."""
    ok(stage.start(game))
    switch = stage.state(game) / "unhealthy"
    began = time.monotonic()
    switch.touch()
    wait_until(lambda: _told(stage, game, "probe_failed"))
    failed_after = time.monotonic() - began
    time.sleep(1.5)  # three more probes, which must tell nothing
    switch.unlink()
    wait_until(lambda: _told(stage, game, "probe_recovered"))
    time.sleep(1.5)  # as above
    told = _told(stage, game, "probe_failed", "probe_recovered")
    say(f"probe_failed after {failed_after:.2f} s, probing every 0.5 s")

    assert [each["event_type"] for each in told] == ["probe_failed", "probe_recovered"]
    assert _details(told[0])["consecutive_failures"] == PROBES
    assert _details(told[1])["prior_failures"] > PROBES
    assert ok(stage.get(game))["status"] == "running"


def test_restart_of_the_service_tells_nothing_twice(stage: Stage, game: str) -> None:
    """What the probe has told survives kill -9: no second probe_failed, no false recovery."""
    ok(stage.start(game))
    switch = stage.state(game) / "unhealthy"
    switch.touch()
    wait_until(lambda: _told(stage, game, "probe_failed"))
    stage.service.kill()
    stage.service.start()
    time.sleep(PROBES * 0.5 + 1)  # long enough to count to the threshold anew
    between = _told(stage, game, "probe_failed", "probe_recovered")
    switch.unlink()
    wait_until(lambda: _told(stage, game, "probe_recovered"))

    assert [each["event_type"] for each in between] == ["probe_failed"]


def _details(told: Row) -> Row:
    return dict(json.loads(told["details"]))
