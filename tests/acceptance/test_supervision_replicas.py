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

from tests.acceptance.conftest import SHORT_LEASE
from tests.acceptance.stage import Row, Stage, at_once, error, image_of, ok, under_way, wait_until
from tests.services.session import Say

StageMaker = Callable[..., Stage]

LEADS, LEFT = "leadership_gained", "leadership_lost"
TAKEN_OVER_WITHIN = 10.0
"""Seconds after the other hangs, by the log's own time; it knows itself as soon."""
ENDED_WITHIN = 2.0
"""Seconds after the other ends: Postgres drops its claim, and a campaign comes every second."""
PATIENCE = 30.0
GOES_ON_WITHIN = 15.0  # a reconciliation, which would do it too, comes only once a minute
# A Docker event makes the leader wait for the game this long (RTMANAGER_GAME_LEASE_WAIT), and more.
EVENTS_OVER_AFTER = 6.0


@pytest.fixture
def replicas(new_stage: StageMaker) -> Iterator[tuple[Stage, Stage]]:
    """Return two replicas of one service, the one that leads first; they end with the test."""
    yield from _two_replicas(new_stage)


@pytest.fixture
def hasty_replicas(new_stage: StageMaker) -> Iterator[tuple[Stage, Stage]]:
    """Return two replicas that hand over soon at their end what may take longer."""
    yield from _two_replicas(new_stage, shutdown_timeout="1s", patch_gate_timeout="30s")


def _two_replicas(new_stage: StageMaker, **settings: str) -> Iterator[tuple[Stage, Stage]]:
    leader = new_stage(game_lease_ttl_seconds=SHORT_LEASE, **settings)
    wait_until(lambda: LEADS in leader.service.log)
    other = new_stage(game_lease_ttl_seconds=SHORT_LEASE, **settings)
    yield leader, other
    leader.service.stop()
    other.service.stop()


def _seconds_until_it_leads(stage: Stage, *, since: float) -> float:
    """Return when it has led after a moment, as it says itself: we may see it late."""
    wait_until(lambda: LEADS in stage.service.log, seconds=PATIENCE)
    lines: list[Row] = [json.loads(line) for line in stage.service.log.splitlines()]
    (led,) = [each["timestamp"] for each in lines if each["event"] == LEADS]
    return datetime.fromisoformat(led).timestamp() - since


def test_only_one_replica_leads(replicas: tuple[Stage, Stage]) -> None:
    """While one leads, the other stands by."""
    leader, other = replicas
    time.sleep(2.5)  # time for some campaigns

    assert LEADS not in other.service.log
    assert LEFT not in leader.service.log


def test_killed_leader_is_followed_by_the_other(
    replicas: tuple[Stage, Stage], game: str, say: Say
) -> None:
    """After kill -9 of the leader the other leads within seconds, and notices what happens.

    The leader may have been looking at the game after its start: then its lease has to run out.
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
    replicas: tuple[Stage, Stage], say: Say
) -> None:
    """A leader that is suspended loses the leadership, and knows it when it wakes up."""
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


def test_stopped_leader_hands_over_at_once(replicas: tuple[Stage, Stage], say: Say) -> None:
    """A leader that is stopped in good order resigns: the next campaign wins."""
    leader, other = replicas
    leader.service.stop()
    stopped = time.time()

    seconds = _seconds_until_it_leads(other, since=stopped)
    say(f"the other replica leads {max(0.0, seconds):.2f} s after the leader was stopped")
    assert seconds <= ENDED_WITHIN  # before it has quite ended, perhaps: it resigns first


@pytest.mark.parametrize("stopped", ["leader", "other"])
def test_trap_hand_over_waits_for_the_next_cycle(
    hasty_replicas: tuple[Stage, Stage], game: str, stopped: str, say: Say
) -> None:
    """What a replica hands over goes on in the other at once, though nothing else points to it.

    A paused engine keeps the gate watching, and Docker tells nothing of the game meanwhile.
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
    wait_until(lambda: _patch_of(staying, game)["outcome"], seconds=PATIENCE)
    row = _patch_of(staying, game)
    seconds = row["finished_at"].timestamp() - ended
    say(f"the {stopped} was stopped: its patch was done {seconds:.2f} s later")

    assert 0 < seconds <= GOES_ON_WITHIN
    assert answered is not None
    assert error(answered) == (503, "service_unavailable")
    assert (row["outcome"], row["error_code"], row["lost"]) == ("success", None, 0)
    wait_until(lambda: len(staying.containers(game)) == 1)
    staying.assert_true_record(game, "1.4.8")


def test_operations_through_both_replicas_are_serialised(
    replicas: tuple[Stage, Stage], game: str
) -> None:
    """Restarts of one game through two replicas at once never overlap in time."""
    leader, other = replicas
    ok(leader.start(game))
    calls: list[Callable[[], httpx.Response]] = [
        partial(stage.restart, game) for _, stage in zip(range(8), cycle(replicas), strict=False)
    ]

    answers = at_once(calls)
    statuses = {each.status_code for each in answers}

    assert statuses <= {200, 409}
    assert 200 in statuses
    assert {error(each) for each in answers if each.status_code == 409} <= {(409, "conflict")}
    _assert_one_after_the_other(other, game)
    other.assert_true_record(game, "1.4.7")


def test_equal_starts_through_both_replicas_make_one_container(
    replicas: tuple[Stage, Stage], game: str
) -> None:
    """Twenty equal starts, half through each replica, end in one container."""
    _, other = replicas
    calls: list[Callable[[], httpx.Response]] = [
        partial(stage.start, game) for _, stage in zip(range(20), cycle(replicas), strict=False)
    ]

    answers = at_once(calls)

    assert {each.status_code for each in answers} <= {200, 409}
    other.assert_true_record(game, "1.4.7")
    assert len({ok(each)["current_container_id"] for each in answers if each.is_success}) == 1


def _assert_one_after_the_other(stage: Stage, game: str) -> None:
    rows = [each for each in stage.operations(game) if each["steps"]]
    assert len(rows) > 2  # the start, and restarts to compare
    for earlier, later in pairwise(rows):
        assert earlier["finished_at"] <= later["started_at"], "two operations at once"


def _running_on(stage: Stage, game: str, version: str) -> str:
    """Wait for the game's engine of this version, and return its container."""

    def found() -> list[str]:
        containers = [each for each in stage.containers(game) if each["State"] == "running"]
        label, image = "com.galaxy.engine_image_ref", image_of(version)
        return [each["Id"] for each in containers if each["Labels"][label] == image]

    wait_until(found)
    return found()[0]


def _patch_of(stage: Stage, game: str) -> Row:
    """Return the patch, whose row follows that of the start."""
    return stage.operations(game)[1]
