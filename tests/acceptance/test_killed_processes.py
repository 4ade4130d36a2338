"""The process killed in the middle of an operation, started again, and asked again."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.acceptance.stage import Row, Stage, ok, under_way, wait_until

Moment = Callable[[list[Row], list[Row]], object]
"""Tells from a game's containers and operations, whether it is time to kill."""


def _intent_is_open(_: list[Row], operations: list[Row]) -> bool:
    return bool(operations) and operations[-1]["outcome"] is None


def _is_parked(containers: list[Row], _: list[Row]) -> bool:
    return any("-parked-" in each["Names"][0] for each in containers)


def _is_created(containers: list[Row], operations: list[Row]) -> Row | None:
    fence = str(operations[-1]["id"]) if operations else ""
    return next((each for each in containers if each["Labels"]["com.galaxy.op_id"] == fence), None)


def _is_running(containers: list[Row], operations: list[Row]) -> bool:
    new = _is_created(containers, operations)
    return new is not None and new["State"] == "running"


MOMENTS: dict[str, Moment] = {
    "intent is open": _intent_is_open,
    "predecessor is parked": _is_parked,
    "container is created": _is_created,
    "container runs": _is_running,
}
REPLACING = list(MOMENTS)
STARTING = [name for name in MOMENTS if name != "predecessor is parked"]


@pytest.fixture(scope="module")
def stage(mortal_stage: Stage) -> Stage:
    """Return a service that may be killed."""
    return mortal_stage


@pytest.fixture
def killed(stage: Stage) -> Callable[..., bool]:
    """Return a function that kills the process in the middle of a request and starts it again.

    It tells whether the outcome was written by then, as can be on a busy host: what was parked is
    the reconciler's from there on, after its grace period.
    """

    def kill(game: str, request: Callable[[], httpx.Response], moment: str) -> bool:
        begun = len(stage.operations(game))

        def has_come() -> object:
            operations = stage.operations(game)
            return len(operations) > begun and MOMENTS[moment](stage.containers(game), operations)

        with under_way(request) as answer:
            wait_until(has_come)
            stage.service.kill()
            answer()
        was_over = stage.operations(game)[-1]["outcome"] is not None
        stage.service.start()
        return was_over

    if not _answers(stage):  # a test before may have failed between kill and start
        stage.service.start()
    return kill


@pytest.mark.parametrize("moment", STARTING)
def test_killed_start_can_be_repeated(
    stage: Stage, game: str, killed: Callable[..., bool], moment: str
) -> None:
    """Repeating the start ends with exactly one running container and a true record."""
    killed(game, lambda: stage.start(game), moment)

    ok(stage.start(game))

    stage.assert_true_record(game, "1.4.7")


@pytest.mark.parametrize("moment", REPLACING)
def test_killed_restart_can_be_repeated(
    stage: Stage, game: str, killed: Callable[..., bool], moment: str
) -> None:
    """Repeating the restart ends with one running container, and none parked."""
    ok(stage.start(game))
    was_over = killed(game, lambda: stage.restart(game), moment)

    ok(stage.restart(game))

    stage.assert_true_record(game, "1.4.7", parked_may_stay=was_over)


@pytest.mark.parametrize("moment", REPLACING)
def test_killed_patch_can_be_repeated(
    stage: Stage, game: str, killed: Callable[..., bool], moment: str
) -> None:
    """Repeating the patch ends with the new engine running alone, and none parked."""
    ok(stage.start(game))
    killed(game, lambda: stage.patch(game, "1.4.8"), moment)

    ok(stage.patch(game, "1.4.8"))

    stage.assert_true_record(game, "1.4.8")


def test_killed_patch_goes_on_before_another_request(
    stage: Stage, game: str, killed: Callable[..., bool]
) -> None:
    """Whatever is asked next waits for the patch to go on to its end: here a stop stops the new."""
    ok(stage.start(game))
    killed(game, lambda: stage.patch(game, "1.4.8"), "predecessor is parked")

    record = ok(stage.stop(game))
    (container,) = stage.containers(game)

    assert (record["status"], container["State"]) == ("stopped", "exited")
    assert container["Id"] == record["current_container_id"]
    stage.assert_settled(game)


def test_killed_stop_can_be_repeated(stage: Stage, game: str, killed: Callable[..., bool]) -> None:
    """A stop that was cut off goes on, and repeating it is a replay."""
    ok(stage.start(game, "1.4.90-ignores-sigterm"))
    killed(game, lambda: stage.stop(game), "intent is open")

    record = ok(stage.stop(game))

    assert record["status"] == "stopped"
    assert stage.containers(game)[0]["State"] == "exited"
    stage.assert_settled(game)


def test_trap_restart_during_rollback_no_double(
    stage: Stage, game: str, killed: Callable[..., bool]
) -> None:
    """A restart after a rollback that was cut off makes one engine, never two."""
    ok(stage.start(game))
    broken: dict[str, Any] = {"version": "1.4.90-exits-before-ready"}
    killed(game, lambda: stage.patch(game, **broken), "container runs")

    ok(stage.restart(game))

    stage.assert_true_record(game, "1.4.7")


def _answers(stage: Stage) -> bool:
    try:
        return stage.call("GET", "/healthz").is_success
    except httpx.TransportError:
        return False
