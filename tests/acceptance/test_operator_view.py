"""What operators see of the service as it runs: events as they happen, drift, workers."""

import time
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.support.calls import ok, wait_until
from tests.support.environment import Environment, NewEnvironment, Row
from tests.support.event_stream import Sent, following

OPERATOR = "/api/v1/operator"
ENDS_WITHIN = 10.0
"""Seconds; a request that runs has 30 s."""


@pytest.fixture(scope="module")
def environment(new_environment: NewEnvironment) -> Environment:
    """Return the replica that leads; it leaves drift alone unless Docker sends an event."""
    made = new_environment(reconcile_interval="1h")
    wait_until(lambda: "leadership_gained" in made.service.log)
    return made


@pytest.fixture(scope="module")
def other(environment: Environment, new_environment: NewEnvironment) -> Environment:
    """Return a second replica of the same service."""
    made = new_environment()
    assert made.dsn == environment.dsn
    return made


def _until_finished(events: Iterator[Sent]) -> list[Sent]:
    """Return the events up to that of the operation's end."""
    read = []
    for event in events:
        read.append(event)
        if event.operation and event.operation["outcome"] != "open":
            return read
    raise AssertionError(f"the stream ended after {read}")


def _drift(environment: Environment, game: str) -> list[Row]:
    """Return the findings about the game; the containers of earlier tests were just removed."""
    items = ok(environment.call("GET", f"{OPERATOR}/drift"))["items"]
    return [each for each in items if each["game_id"] == game]


def test_start_is_followed_over_lost_connections_and_by_another_replica(
    environment: Environment, other: Environment, game: str
) -> None:
    """Each step comes once and in order, wherever the caller continues."""
    with following(environment.service, game=game) as events:
        ready = next(events)
        ok(environment.start(game))
        read = list(islice(events, 2))
    with following(environment.service, read[-1].id, game=game) as events:
        read.append(next(events))
    with following(other.service, read[-1].id, game=game) as events:
        read += _until_finished(events)
    with following(other.service, ready.id, game=game) as events:
        at_once = _until_finished(events)

    assert ready.name == "ready"
    assert read == at_once
    assert len({each.id for each in read}) == len(read)
    assert {each.name for each in read} == {"operation"}
    steps = [each.operation["steps"] for each in read]
    assert steps == sorted(steps)
    assert steps[0] == 0
    actions = [each.operation["step"]["action"] for each in read if each.operation["step"]]
    assert actions == ["create", "start", "watch_gate", "watch_gate"]
    assert read[-1].operation["outcome"] == "success"


def test_every_replica_answers_for_all(environment: Environment, other: Environment) -> None:
    """Both show both, the same leader, its workers at work, and what waits."""

    def knows_both(asked: Environment) -> bool:
        report = ok(asked.call("GET", f"{OPERATOR}/workers"))
        return report["leader"] is not None and len(report["replicas"]) == 2

    for each in (environment, other):
        wait_until(lambda each=each: knows_both(each))  # type: ignore[misc] # a lambda's default
    first, second = (ok(each.call("GET", f"{OPERATOR}/workers")) for each in (environment, other))

    assert first["leader"] == second["leader"]
    assert first["errors"] == []
    leads, follows = first["replicas"]
    assert (leads["replica_id"], leads["is_leader"]) == (first["leader"], True)
    assert not follows["is_leader"]
    assert {each["name"]: each["lag_s"] is not None for each in leads["workers"]}["probe"]
    assert {each["name"]: each["lag_s"] for each in follows["workers"]}["probe"] is None
    assert [each["name"] for each in first["backlogs"]] == [
        *("outbox", "open operations", "runtime:start_jobs", "runtime:stop_jobs")
    ]


def test_drift_is_shown_with_what_will_be_done(environment: Environment, game: str) -> None:
    """A container that was renamed by hand is a finding; nothing is changed by asking."""
    ok(environment.start(game))
    assert _drift(environment, game) == []
    environment.docker.rename(f"galaxy-game-{game}", f"renamed-{game}")
    (found,) = _drift(environment, game)

    assert (found["game_id"], found["kind"]) == (game, "misnamed")
    assert found["action"] == "give the container its name back"
    assert environment.docker.inspect_container(f"renamed-{game}")


def test_stop_ends_streams_at_once(environment: Environment, other: Environment) -> None:
    """An open stream does not hold up the shutdown, and ends as if it were complete."""
    with following(other.service) as events, following(environment.service) as elsewhere:
        assert next(events).name == next(elsewhere).name == "ready"
        began = time.monotonic()
        code = other.service.stop()
        took = time.monotonic() - began
        rest = list(events)

    assert (code, rest) == (0, [])
    assert took < ENDS_WITHIN
    (left,) = ok(environment.call("GET", f"{OPERATOR}/workers"))["replicas"]
    assert left["is_leader"]
