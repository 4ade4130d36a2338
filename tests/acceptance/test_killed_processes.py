"""The process is killed in the middle of an operation, started again, and asked again."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.calls import ok, under_way, wait_until
from tests.support.environment import STUBBORN_ENGINE, Environment, Row, is_parked

Moment = Callable[[list[Row], list[Row]], object]
"""Whether it is time to kill, by a game's containers and operations."""


def _intent_is_open(_: list[Row], operations: list[Row]) -> bool:
    return bool(operations) and operations[-1]["outcome"] is None


def _is_parked(containers: list[Row], _: list[Row]) -> bool:
    return any(map(is_parked, containers))


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
def environment(killable_environment: Environment) -> Environment:
    """Return a service that may be killed."""
    return killable_environment


@pytest.fixture
def killed(environment: Environment) -> Callable[..., bool]:
    """Return a function that kills the process in the middle of a request and starts it again.

    It returns whether the outcome was written by then, which happens on a busy host: the reconciler
    then removes the parked container, after its grace period.
    """

    def kill(game: str, request: Callable[[], httpx.Response], moment: str) -> bool:
        begun = len(environment.operations(game))

        def has_come() -> object:
            operations = environment.operations(game)
            return len(operations) > begun and MOMENTS[moment](
                environment.containers(game), operations
            )

        with under_way(request) as answer:
            wait_until(has_come)
            environment.service.kill()
            answer()
        was_over = environment.operations(game)[-1]["outcome"] is not None
        environment.service.start()
        return was_over

    if not _answers(environment):  # an earlier test may have failed between kill and start
        environment.service.start()
    return kill


@pytest.mark.parametrize("moment", STARTING)
def test_killed_start_can_be_repeated(
    environment: Environment, game: str, killed: Callable[..., bool], moment: str
) -> None:
    """Repeating the start ends with exactly one running container and a matching record."""
    killed(game, lambda: environment.start(game), moment)

    ok(environment.start(game))

    environment.assert_runs(game, "1.4.7")


@pytest.mark.parametrize("moment", REPLACING)
def test_killed_restart_can_be_repeated(
    environment: Environment, game: str, killed: Callable[..., bool], moment: str
) -> None:
    """Repeating the restart ends with one running container, and none parked."""
    ok(environment.start(game))
    was_over = killed(game, lambda: environment.restart(game), moment)

    ok(environment.restart(game))

    environment.assert_runs(game, "1.4.7", parked_may_stay=was_over)


@pytest.mark.parametrize("moment", REPLACING)
def test_killed_patch_can_be_repeated(
    environment: Environment, game: str, killed: Callable[..., bool], moment: str
) -> None:
    """Repeating the patch ends with the new engine running alone, and none parked."""
    ok(environment.start(game))
    killed(game, lambda: environment.patch(game, "1.4.8"), moment)

    ok(environment.patch(game, "1.4.8"))

    environment.assert_runs(game, "1.4.8")


def test_killed_patch_goes_on_before_another_request(
    environment: Environment, game: str, killed: Callable[..., bool]
) -> None:
    """The next request waits until the patch is finished: here a stop of the new engine."""
    ok(environment.start(game))
    killed(game, lambda: environment.patch(game, "1.4.8"), "predecessor is parked")

    record = ok(environment.stop(game))
    (container,) = environment.containers(game)

    assert (record["status"], container["State"]) == ("stopped", "exited")
    assert container["Id"] == record["current_container_id"]
    environment.assert_no_open_operation(game)


def test_killed_stop_can_be_repeated(
    environment: Environment, game: str, killed: Callable[..., bool]
) -> None:
    """A stop that was interrupted is resumed, and repeating it is a replay."""
    ok(environment.start(game, STUBBORN_ENGINE))
    killed(game, lambda: environment.stop(game), "intent is open")

    record = ok(environment.stop(game))

    assert record["status"] == "stopped"
    assert environment.containers(game)[0]["State"] == "exited"
    environment.assert_no_open_operation(game)


def test_trap_restart_during_rollback_no_double(
    environment: Environment, game: str, killed: Callable[..., bool]
) -> None:
    """A restart after an interrupted rollback creates one engine, never two."""
    ok(environment.start(game))
    broken: dict[str, Any] = {"version": "1.4.90-exits-before-ready"}
    killed(game, lambda: environment.patch(game, **broken), "container runs")

    ok(environment.restart(game))

    environment.assert_runs(game, "1.4.7")


def _answers(environment: Environment) -> bool:
    try:
        return environment.call("GET", "/healthz").is_success
    except httpx.TransportError:
        return False
