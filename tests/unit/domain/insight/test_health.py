"""The state of an engine's health, from what is stored about it."""

from datetime import timedelta

import pytest

from rtmanager.domain.container import ContainerId
from rtmanager.domain.health import HealthObservation
from rtmanager.domain.insight.health import HealthState, health_of
from rtmanager.domain.ports.engine_health import KnownHealth
from rtmanager.domain.ports.health_log import Watch
from rtmanager.domain.runtime import RuntimeStatus
from tests.builders import GAME, NOON, make_baseline, make_record

RECORD = make_record()
ROUND = NOON + timedelta(seconds=60)


def observed(*, healthy: bool | None = True, **more: object) -> HealthObservation:
    """Return an observation of the record's engine."""
    facts: dict[str, object] = {
        "game_id": GAME,
        "container_id": RECORD.current_container_id,
        "healthy": healthy,
        "error": None if healthy else "refused",
        "since": NOON,
        "checked_at": NOON,
    }
    return HealthObservation(**(facts | more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("healthy", "state"),
    [
        (True, HealthState.HEALTHY),
        (False, HealthState.UNHEALTHY),
        (None, HealthState.UNKNOWN),
    ],
)
def test_state_is_what_the_engine_answered_last(
    healthy: bool | None,  # noqa: FBT001 - a parameter of the test
    state: HealthState,
) -> None:
    """An engine that could not be asked is neither healthy nor unhealthy."""
    health = health_of(RECORD, KnownHealth(observation=observed(healthy=healthy)))

    assert (health.state, health.since) == (state, NOON)


def test_each_round_confirms_what_did_not_change() -> None:
    """An answer is written when it changes; later rounds have seen the same."""
    known = KnownHealth(observation=observed(), probed_at=ROUND)

    assert health_of(RECORD, known).checked_at == ROUND


def test_round_without_an_answer_confirms_nothing() -> None:
    """An engine that could not be asked was last checked before."""
    known = KnownHealth(observation=observed(healthy=None), probed_at=ROUND)

    assert health_of(RECORD, known).checked_at == NOON


def test_observation_of_another_container_is_of_no_use() -> None:
    """A new engine is unknown until it is probed."""
    stale = observed(container_id=ContainerId("f" * 64))
    health = health_of(RECORD, KnownHealth(observation=stale))

    assert (health.state, health.error) == (HealthState.UNKNOWN, "it was not probed yet")


def test_docker_may_see_more_than_we_do() -> None:
    """An engine that answers us but fails Docker's own health check is unhealthy."""
    inspected = make_baseline(
        watch=Watch.INSPECT, failing=True, container_id=RECORD.current_container_id
    )
    health = health_of(RECORD, KnownHealth(observation=observed(), baselines=(inspected,)))

    assert health.state is HealthState.UNHEALTHY
    assert health.error == "Docker's own health check of the container fails"


def test_misses_are_those_that_were_recorded() -> None:
    """The count at the event is higher than that of the first miss."""
    failing = make_baseline(failing=True, count=3, container_id=RECORD.current_container_id)
    missed = observed(healthy=False, misses=1)
    health = health_of(RECORD, KnownHealth(observation=missed, baselines=(failing,)))

    assert health.consecutive_misses == 3


@pytest.mark.parametrize("status", [RuntimeStatus.STOPPED, RuntimeStatus.REMOVED])
def test_game_that_does_not_run_has_no_health(status: RuntimeStatus) -> None:
    """Its last answer says nothing about it."""
    health = health_of(make_record(status=status), KnownHealth(observation=observed()))

    assert (health.state, health.error) == (HealthState.NOT_RUNNING, None)
