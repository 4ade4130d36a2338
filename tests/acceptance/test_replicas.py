"""Two processes on the same Postgres, Redis and Docker: one leads, both serve."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import cycle, pairwise

import httpx
import pytest

from tests.acceptance.streams import Lobby
from tests.support.calls import at_once, error, ok, under_way, wait_until
from tests.support.environment import SHORT_LEASE, Environment, NewEnvironment, Row, image_of
from tests.support.run import Say

LEADS, LEFT = "leadership_gained", "leadership_lost"
TAKEN_OVER_WITHIN = 10.0
"""Seconds after the other hangs, by the log's own time; the other notices as fast."""
ENDED_WITHIN = 2.0
"""Seconds after the other ends: Postgres drops its claim, and a campaign comes every second."""
WAITED_AT_MOST = 30.0
RESUMED_WITHIN = 15.0  # a reconciliation, which would also notice, comes only once a minute
# A Docker event makes the leader wait for the game this long (RTMANAGER_GAME_LEASE_WAIT), and more.
EVENTS_OVER_AFTER = 6.0


@pytest.fixture
def replicas(new_environment: NewEnvironment) -> Iterator[tuple[Environment, Environment]]:
    """Return two replicas of one service, the one that leads first; they end with the test."""
    yield from _two_replicas(new_environment)


@pytest.fixture
def hasty_replicas(new_environment: NewEnvironment) -> Iterator[tuple[Environment, Environment]]:
    """Return two replicas that soon hand over their operations when they are stopped."""
    yield from _two_replicas(new_environment, shutdown_timeout="1s", patch_gate_timeout="30s")


@pytest.fixture
def draining_replicas(new_environment: NewEnvironment) -> Iterator[tuple[Environment, Environment]]:
    """Return two replicas that serve on for a while when they are to stop."""
    yield from _two_replicas(new_environment, drain_delay="8s")


def _two_replicas(
    new_environment: NewEnvironment, **settings: str
) -> Iterator[tuple[Environment, Environment]]:
    leader = new_environment(game_lease_ttl_seconds=SHORT_LEASE, **settings)
    wait_until(lambda: LEADS in leader.service.log)
    other = new_environment(game_lease_ttl_seconds=SHORT_LEASE, **settings)
    yield leader, other
    leader.service.stop()
    other.service.stop()


def _seconds_until_it_leads(environment: Environment, *, since: float) -> float:
    """Return the seconds from a moment until it led, by its own log: we may notice late."""
    wait_until(lambda: LEADS in environment.service.log, seconds=WAITED_AT_MOST)
    lines: list[Row] = [json.loads(line) for line in environment.service.log.splitlines()]
    (led,) = [each["timestamp"] for each in lines if each["event"] == LEADS]
    return datetime.fromisoformat(led).timestamp() - since


def test_only_one_replica_leads(replicas: tuple[Environment, Environment]) -> None:
    """While one replica leads, the other stands by."""
    leader, other = replicas
    time.sleep(2.5)  # time for several campaigns

    assert LEADS not in other.service.log
    assert LEFT not in leader.service.log


def test_killed_leader_is_followed_by_the_other(
    replicas: tuple[Environment, Environment], game: str, say: Say
) -> None:
    """After kill -9 of the leader the other one leads within seconds, and monitors the games.

    The leader may have held the game's lease after its start: then that has to expire.
    """
    leader, other = replicas
    ok(other.start(game))
    killed = time.time()
    leader.service.kill()

    seconds = _seconds_until_it_leads(other, since=killed)
    say(f"the other replica leads {seconds:.2f} s after kill -9 of the leader")
    assert 0 < seconds <= ENDED_WITHIN
    other.docker.kill(f"galaxy-game-{game}")

    wait_until(lambda: ok(other.get(game))["status"] == "stopped")


def test_leader_that_hangs_is_followed_by_the_other(
    replicas: tuple[Environment, Environment], say: Say
) -> None:
    """A leader that is suspended loses the leadership, and notices this when it continues."""
    leader, other = replicas
    suspended = time.time()
    os.kill(leader.service.pid, signal.SIGSTOP)
    try:
        seconds = _seconds_until_it_leads(other, since=suspended)
    finally:
        os.kill(leader.service.pid, signal.SIGCONT)
    say(f"the other replica leads {seconds:.2f} s after the leader was suspended")

    assert 0 < seconds <= TAKEN_OVER_WITHIN
    wait_until(lambda: LEFT in leader.service.log, seconds=5)


def test_stopped_leader_hands_over_at_once(
    replicas: tuple[Environment, Environment], say: Say
) -> None:
    """A leader that is stopped properly resigns: the next campaign wins."""
    leader, other = replicas
    leader.service.stop()
    stopped = time.time()

    seconds = _seconds_until_it_leads(other, since=stopped)
    say(f"the other replica leads {max(0.0, seconds):.2f} s after the leader was stopped")
    assert seconds <= ENDED_WITHIN  # possibly before it has quite ended, since it resigns first


def test_leader_hands_over_at_the_signal_and_serves_on(
    draining_replicas: tuple[Environment, Environment], game: str, lobby: Lobby, say: Say
) -> None:
    """The other leads, and handles jobs, while the one that leaves still answers everything."""
    leader, other = draining_replicas
    os.kill(leader.service.pid, signal.SIGTERM)
    signalled = time.time()
    seconds = _seconds_until_it_leads(other, since=signalled)
    job = lobby.start(game)
    handled = lobby.result(job)
    served = leader.get(game)
    say(f"the other replica leads {max(0.0, seconds):.2f} s after the leader's SIGTERM")

    assert seconds <= ENDED_WITHIN
    assert handled["outcome"] == "success"
    assert ok(served)["status"] == "running"
    assert served.headers["connection"] == "close"
    assert "leadership_handed_over" in leader.service.log


@pytest.mark.parametrize("stopped", ["leader", "other"])
def test_trap_hand_over_waits_for_the_next_cycle(
    hasty_replicas: tuple[Environment, Environment], game: str, stopped: str, say: Say
) -> None:
    """An operation that a replica hands over is resumed by the other at once, without a trigger.

    A paused engine keeps the gate open, and Docker sends no event about the game meanwhile.
    """
    leaving, staying = hasty_replicas if stopped == "leader" else reversed(hasty_replicas)
    ok(leaving.start(game))
    with under_way(lambda: leaving.patch(game, "1.4.8")) as answer:
        new = _running_on(leaving, game, "1.4.8")
        leaving.docker.pause(new)
        time.sleep(EVENTS_OVER_AFTER)
        leaving.service.stop()
        ended, answered = time.time(), answer()
    staying.docker.unpause(new)
    wait_until(lambda: _patch_of(staying, game)["outcome"], seconds=WAITED_AT_MOST)
    row = _patch_of(staying, game)
    seconds = row["finished_at"].timestamp() - ended
    say(f"the {stopped} was stopped: its patch was done {seconds:.2f} s later")

    assert 0 < seconds <= RESUMED_WITHIN
    assert answered is not None
    assert error(answered) == (503, "service_unavailable")
    assert (row["outcome"], row["error_code"], row["lost"]) == ("success", None, 0)
    wait_until(lambda: len(staying.containers(game)) == 1)
    staying.assert_runs(game, "1.4.8")


def test_operations_through_both_replicas_are_serialised(
    replicas: tuple[Environment, Environment], game: str
) -> None:
    """Restarts of one game through two replicas at once never overlap in time."""
    leader, other = replicas
    ok(leader.start(game))
    calls: list[Callable[[], httpx.Response]] = [
        partial(environment.restart, game)
        for _, environment in zip(range(8), cycle(replicas), strict=False)
    ]

    answers = at_once(calls)
    statuses = {each.status_code for each in answers}

    assert statuses <= {200, 409}
    assert 200 in statuses
    assert {error(each) for each in answers if each.status_code == 409} <= {(409, "conflict")}
    _assert_one_after_the_other(other, game)
    other.assert_runs(game, "1.4.7")


def test_equal_starts_through_both_replicas_make_one_container(
    replicas: tuple[Environment, Environment], game: str
) -> None:
    """Twenty equal starts, half through each replica, end in one container."""
    _, other = replicas
    calls: list[Callable[[], httpx.Response]] = [
        partial(environment.start, game)
        for _, environment in zip(range(20), cycle(replicas), strict=False)
    ]

    answers = at_once(calls)

    assert {each.status_code for each in answers} <= {200, 409}
    other.assert_runs(game, "1.4.7")
    assert len({ok(each)["current_container_id"] for each in answers if each.is_success}) == 1


def _assert_one_after_the_other(environment: Environment, game: str) -> None:
    rows = [each for each in environment.operations(game) if each["steps"]]
    assert len(rows) > 2  # the start, and restarts to compare
    for earlier, later in pairwise(rows):
        assert earlier["finished_at"] <= later["started_at"], "two operations at once"


def _running_on(environment: Environment, game: str, version: str) -> str:
    """Wait for the game's engine of this version, and return its container."""

    def found() -> list[str]:
        containers = [each for each in environment.containers(game) if each["State"] == "running"]
        label, image = "com.galaxy.engine_image_ref", image_of(version)
        return [each["Id"] for each in containers if each["Labels"][label] == image]

    wait_until(found)
    return found()[0]


def _patch_of(environment: Environment, game: str) -> Row:
    """Return the patch, whose row follows that of the start."""
    return environment.operations(game)[1]
