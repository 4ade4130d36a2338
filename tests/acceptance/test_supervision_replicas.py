"""Two processes on the same Postgres, Redis and Docker: one leads, both serve."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, pairwise

import httpx
import pytest

from tests.acceptance.conftest import SHORT_LEASE
from tests.acceptance.stage import Stage, at_once, error, ok, wait_until
from tests.services.session import Say

StageMaker = Callable[..., Stage]

LEADS, LEFT = "this replica leads", "this replica no longer leads"
TAKEN_OVER_WITHIN = 10.0


@pytest.fixture
def replicas(new_stage: StageMaker) -> Iterator[tuple[Stage, Stage]]:
    """Return two replicas of one service, the one that leads first; they end with the test."""
    leader = new_stage(game_lease_ttl_seconds=SHORT_LEASE)
    wait_until(lambda: LEADS in leader.service.log)
    other = new_stage(game_lease_ttl_seconds=SHORT_LEASE)
    yield leader, other
    leader.service.stop()
    other.service.stop()


def _seconds_until_it_leads(stage: Stage) -> float:
    began = time.monotonic()
    wait_until(lambda: LEADS in stage.service.log, seconds=TAKEN_OVER_WITHIN)
    return time.monotonic() - began


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
    leader.service.kill()

    seconds = _seconds_until_it_leads(other)
    say(f"the other replica leads {seconds:.2f} s after kill -9 of the leader")
    other.docker.kill(f"galaxy-game-{game}")

    wait_until(lambda: ok(other.get(game))["status"] == "stopped")


def test_leader_that_hangs_is_followed_by_the_other(
    replicas: tuple[Stage, Stage], say: Say
) -> None:
    """A leader that is suspended loses the leadership, and knows it when it wakes up."""
    leader, other = replicas
    os.kill(leader.service.pid, signal.SIGSTOP)
    try:
        seconds = _seconds_until_it_leads(other)
    finally:
        os.kill(leader.service.pid, signal.SIGCONT)
    say(f"the other replica leads {seconds:.2f} s after the leader was suspended")

    wait_until(lambda: LEFT in leader.service.log, seconds=5)


def test_stopped_leader_hands_over_at_once(replicas: tuple[Stage, Stage], say: Say) -> None:
    """A leader that is stopped in good order resigns: the next campaign wins."""
    leader, other = replicas
    leader.service.stop()

    seconds = _seconds_until_it_leads(other)
    say(f"the other replica leads {seconds:.2f} s after the leader was stopped")


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
    for earlier, later in pairwise(rows):
        assert earlier["finished_at"] <= later["started_at"], "two operations at once"
