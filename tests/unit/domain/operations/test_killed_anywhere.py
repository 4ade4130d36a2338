"""Kill the process at every step of every operation; the next request restores the game."""

from itertools import cycle

import pytest

from rtmanager.domain.errors import ErrorCode
from rtmanager.domain.operation import Outcome
from tests.unit.domain.operations.scenarios import (
    FOLLOW_UPS,
    REFUSALS,
    RESTART,
    SCENARIOS,
    Scenario,
    attempt,
    by_name,
    calls_of,
    crash_points,
    is_answered,
)
from tests.unit.domain.world import Killed, World

everywhere = pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)


async def killed(scenario: Scenario, index: int) -> World:
    """Return the world some time after the process was killed at this call."""
    world = await scenario.world()
    world.manager.kill_at(index)
    assert isinstance(await attempt(scenario.request, world.manager), Killed)
    world.manager.lease_connection.abandon()
    world.after_the_lease()
    return world


def outcome_was_committed(world: World, operations: int) -> bool:
    """Return whether the killed operation had committed its success and only had to tidy up."""
    return len(world.operations) > operations and world.last.outcome is Outcome.SUCCESS


@everywhere
async def test_killed_anywhere_then_repeated_ends_whole(scenario: Scenario) -> None:
    """Repeating the request elsewhere ends with one container, a true record, nothing open.

    No operation fails because its process died: it ends as it would have ended without that.
    """
    operations = len((await scenario.world()).operations)
    calls = await calls_of(scenario)
    for index in crash_points(calls):
        world = await killed(scenario, index)
        committed = outcome_was_committed(world, operations)

        error = await attempt(scenario.request, world.process())

        codes = {each.error_code for each in world.operations}
        assert ErrorCode.INTERNAL_ERROR not in codes, calls[index]
        assert is_answered(error, scenario), f"{calls[index]}: {error}"
        assert world.faults(parked_may_stay=committed) == [], f"killed at {index}, {calls[index]}"


@everywhere
async def test_killed_anywhere_then_any_request_ends_whole(scenario: Scenario) -> None:
    """Any next request resumes what the dead process left, and then gets its own answer.

    What is resumed does not depend on the request: two requests per point are enough for each of
    them to follow every state.
    """
    operations = len((await scenario.world()).operations)
    calls = await calls_of(scenario)
    points = [at for at in crash_points(calls) if calls[at].startswith(("store.", "host."))]
    follow_ups = cycle(FOLLOW_UPS.items())
    for index in [point for point in points for _ in range(2)]:
        name, follow_up = next(follow_ups)
        where = f"killed at {index}, {calls[index]}, then {name}"
        world = await killed(scenario, index)
        committed = outcome_was_committed(world, operations)

        error = await attempt(follow_up, world.process())

        assert error is None or isinstance(error, REFUSALS), f"{where}: {error}"
        assert world.faults(parked_may_stay=committed) == [], where


@everywhere
async def test_killed_after_the_commit_leaves_a_stopped_parked_one_at_most(
    scenario: Scenario,
) -> None:
    """A kill before tidying up leaves a container that the next replacement removes."""
    operations = len((await scenario.world()).operations)
    calls = await calls_of(scenario)
    for index in crash_points(calls):
        if index < len(calls) - 1 - calls[::-1].index("store.begin"):
            continue
        world = await killed(scenario, index)
        if not outcome_was_committed(world, operations):
            continue

        error = await attempt(RESTART, world.process())

        assert error is None or isinstance(error, REFUSALS), f"{calls[index]}: {error}"
        assert world.faults() == [], f"killed at {index}, {calls[index]}"


@everywhere
async def test_killed_while_it_resumes_is_resumed_by_the_next(scenario: Scenario) -> None:
    """A third process resumes what two processes left."""
    calls = await calls_of(scenario)
    middle = next((at for at, call in enumerate(calls) if call == "host.start:done"), None)
    index = middle if middle is not None else calls.index("store.begin:done")
    resumed = await killed(scenario, index)
    second = resumed.process()
    await attempt(scenario.request, second)
    for nth in crash_points(second.calls):
        world = await killed(scenario, index)
        second = world.process()
        second.kill_at(nth)
        assert isinstance(await attempt(scenario.request, second), Killed)
        second.lease_connection.abandon()
        world.after_the_lease()

        error = await attempt(RESTART, world.process())

        assert error is None or isinstance(error, REFUSALS), f"{nth}: {error}"
        assert [each for each in world.operations if not each.outcome] == [], nth
        assert world.faults(parked_may_stay=True) == [], f"killed at {nth}"
