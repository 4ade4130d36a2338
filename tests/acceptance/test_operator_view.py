"""What operators see of the service as it runs: events as they happen, drift, workers."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice

import pytest

from rtmanager.adapters.redis.lease_key import lease_key
from rtmanager.domain.game_id import GameId
from tests.acceptance.streams import Lobby
from tests.support.calls import at_once, ok, wait_until
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


@contextmanager
def _lease_held(environment: Environment, lobby: Lobby, game: str) -> Iterator[None]:
    """Keep the reconciler from the game, which the start's last event may concern even now."""
    lease = lease_key(environment.installation, GameId(game))
    wait_until(lambda: lobby.redis.set(lease, "the test's", nx=True, px=30_000))
    yield
    lobby.redis.delete(lease)


def _storm(environment: Environment, game: str) -> None:
    """Execute and refuse operations on a game, one after the other."""
    for call in (environment.start, environment.start, environment.restart, environment.stop):
        call(game)


def _followed_in_pieces(replicas: Sequence[Environment], begin: Sent, last_game: str) -> list[Sent]:
    """Return all operations' events up to those of a game, a few on each connection."""
    read = [begin]
    for replica in cycle(replicas):
        with following(replica.service, read[-1].id) as events:
            for event in islice(events, 7):
                read.append(event)
                if event.data.get("game_id") == last_game:
                    return [each for each in read if each.operation]
    raise AssertionError


def test_events_of_a_storm_tell_the_whole_operation_log(
    environment: Environment, other: Environment, new_games: Callable[[int], list[str]]
) -> None:
    """Each begin and each end exactly once and in order, over many connections to two replicas."""
    *games, last = new_games(3)
    with ThreadPoolExecutor(1) as pool:
        with following(environment.service) as events:
            begin = next(events)
        reading = pool.submit(_followed_in_pieces, [environment, other], begin, last)
        at_once([partial(_storm, environment, game) for game in games])
        environment.restart(last)
        told = reading.result(60)

    assert [each.id for each in told] == sorted({each.id for each in told}, key=_order)
    for game in games:
        logged = [(row["id"], row["outcome"]) for row in environment.operations(game)]
        about = [each.operation for each in told if each.data["game_id"] == game]
        of_game = [each for each in about if each["source"] != "auto_reconcile"]
        ends = [each for each in of_game if each["outcome"] != "open"]
        begins = [each for each in of_game if each["steps"] == 0 and each["outcome"] == "open"]
        began = [each["operation_id"] for each in begins]
        assert [(each["operation_id"], each["outcome"]) for each in ends] == sorted(logged)
        assert began == [each["operation_id"] for each in ends if each["steps"]]


def _order(event_id: str) -> list[int]:
    return [int(part) for part in event_id.split("-")]


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
    # An engine that answers at once is not watched any more: that step comes done, and only once.
    assert list(dict.fromkeys(actions)) == ["create", "start", "watch_gate"]
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


def test_drift_is_shown_with_what_will_be_done(
    environment: Environment, lobby: Lobby, game: str
) -> None:
    """A container that was renamed by hand is a finding; nothing is changed by asking."""
    ok(environment.start(game))
    assert _drift(environment, game) == []
    with _lease_held(environment, lobby, game):
        environment.docker.rename(f"galaxy-game-{game}", f"renamed-{game}")
        (found,) = _drift(environment, game)
        named_as_before = environment.docker.inspect_container(f"renamed-{game}")

    assert (found["game_id"], found["kind"]) == (game, "misnamed")
    assert found["action"] == "give the container its name back"
    assert named_as_before


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
