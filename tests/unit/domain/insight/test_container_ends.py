"""What is remembered of Docker's events, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.insight.container_ends import KEPT, ContainerEnds
from rtmanager.domain.insight.engine_exit import Missed
from rtmanager.domain.ports.container_events import ContainerEvent

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
ENGINE = ContainerId("e" * 64)


def at(seconds: float) -> datetime:
    """Return a time in seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def event(action: str, seconds: float = 10, **more: object) -> ContainerEvent:
    """Return an event of the engine."""
    moment = at(seconds).timestamp()
    return ContainerEvent("chess-7", ENGINE, action, moment, **more)  # type: ignore[arg-type]


@pytest.fixture
def ends() -> ContainerEnds:
    """Return the memory of a process that has followed Docker since noon."""
    made = ContainerEnds()
    made.follow(NOON)
    return made


def test_signals_are_remembered_in_their_order(ends: ContainerEnds) -> None:
    """A stop that lasts too long sends two signals, and the last one has ended the engine."""
    ends.note(event("kill", 10, signal="SIGTERM"))
    ends.note(event("kill", 20, signal="SIGKILL"))
    ends.note(event("die", 21, exit_code=137))

    heard = ends.of(ENGINE)

    assert (heard.signals, heard.signal) == (("SIGTERM", "SIGKILL"), "SIGKILL")
    assert (heard.exit_code, heard.ended_at, heard.missed) == (137, at(21), None)


def test_container_that_starts_again_has_no_signals(ends: ContainerEnds) -> None:
    """The signals of an earlier life, such as those of a rolled back patch, end with it."""
    ends.note(event("kill", signal="SIGTERM"))
    ends.note(event("start", 11))

    assert ends.of(ENGINE, ended_at=at(30)).signals == ()


def test_lack_of_memory_is_remembered_past_the_removal(ends: ContainerEnds) -> None:
    """Of a container that is gone only the events are left."""
    ends.note(event("oom"))
    ends.note(event("die", exit_code=137))
    ends.note(event("destroy"))

    heard = ends.of(ENGINE)

    assert (heard.oom_killed, heard.exit_code, heard.ended_at) == (True, 137, at(10))


def test_only_so_many_containers_are_remembered(ends: ContainerEnds) -> None:
    """What was heard of longest ago is forgotten first."""
    ends.note(event("kill", signal="SIGKILL"))
    for number in range(KEPT):
        ends.note(ContainerEvent("chess-7", ContainerId(f"c{number}"), "die", 0.0, exit_code=0))

    assert ends.of(ENGINE).signals == ()


@pytest.mark.parametrize(
    ("ended_at", "missed"),
    [(-1, Missed.NOT_FOLLOWED), (5, None), (None, Missed.NOT_FOLLOWED)],
)
def test_end_before_events_were_followed_may_have_had_a_signal(
    ends: ContainerEnds, ended_at: int | None, missed: Missed | None
) -> None:
    """Another process may have seen it, or nobody."""
    moment = None if ended_at is None else at(ended_at)

    assert ends.of(ENGINE, ended_at=moment).missed is missed


@pytest.mark.parametrize(
    ("ended_at", "missed"),
    [(80, None), (105, Missed.DOCKER_AWAY), (130, None)],
)
def test_end_while_docker_was_away_is_known_as_such(
    ends: ContainerEnds, ended_at: int, missed: Missed | None
) -> None:
    """A Docker that has restarted does not say why its containers have ended."""
    ends.note(event("kill", 50, signal="SIGHUP"))
    ends.note(event("start", 60))
    ends.lose(at(100))
    ends.lose(at(110))
    ends.follow(at(120))

    assert ends.of(ENGINE, ended_at=at(ended_at)).missed is missed or ended_at == 80


@pytest.mark.parametrize("ended_at", [50, 105])
def test_who_follows_no_more_does_not_know(ends: ContainerEnds, ended_at: int) -> None:
    """A replica that leads again has not seen what happened meanwhile."""
    ends.leave()
    before = ends.of(ENGINE, ended_at=at(ended_at)).missed
    ends.follow(at(110))

    assert before is Missed.NOT_FOLLOWED
    assert ends.of(ENGINE, ended_at=at(ended_at)).missed is Missed.NOT_FOLLOWED
    assert ends.of(ENGINE, ended_at=at(120)).missed is None


def test_signal_that_was_seen_was_not_missed(ends: ContainerEnds) -> None:
    """A connection that was lost and resumed with the signal has lost nothing."""
    ends.lose(at(100))
    ends.note(event("kill", 105, signal="SIGKILL"))
    ends.follow(at(120))

    assert ends.of(ENGINE, ended_at=at(105)).missed is None
