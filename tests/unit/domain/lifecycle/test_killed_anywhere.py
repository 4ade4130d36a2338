"""Kill the process at every step of every operation; the next request makes the game whole."""

import pytest

from rtmanager.domain.operation import Outcome
from tests.unit.domain.lifecycle.scenarios import (
    CHANGES,
    FOLLOW_UPS,
    REFUSALS,
    RESTART,
    SCENARIOS,
    Request,
    Scenario,
    attempt,
    by_name,
    calls_of,
    is_answered,
)
from tests.unit.domain.world import Killed, World

everywhere = pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)


async def killed(scenario: Scenario, index: int) -> World:
    """Return the world some time after the process was killed at the call of this index."""
    world = await scenario.world()
    world.manager.kill_at(index)
    assert isinstance(await attempt(scenario.request, world.manager), Killed)
    world.manager.leases.abandon()
    world.after_the_lease()
    return world


def outcome_was_committed(world: World, operations: int) -> bool:
    """Tell whether the killed operation's success was committed, so that only tidying was left."""
    return len(world.operations) > operations and world.last.outcome is Outcome.SUCCESS


@everywhere
async def test_killed_anywhere_then_repeated_ends_whole(scenario: Scenario) -> None:
    """Repeating the request elsewhere ends with one container, a true record, nothing open."""
    operations = len((await scenario.world()).operations)
    for index, call in enumerate(await calls_of(scenario)):
        world = await killed(scenario, index)
        committed = outcome_was_committed(world, operations)

        error = await attempt(scenario.request, world.process())

        assert is_answered(error, scenario), f"{call}: {error}"
        assert world.faults(parked_may_stay=committed) == [], f"killed at {index}, {call}"


@pytest.mark.parametrize("follow_up", FOLLOW_UPS.values(), ids=FOLLOW_UPS)
@everywhere
async def test_killed_anywhere_then_any_request_ends_whole(
    scenario: Scenario, follow_up: Request
) -> None:
    """Whatever is asked next settles what the dead process left, and is answered truly."""
    operations = len((await scenario.world()).operations)
    for index, call in enumerate(await calls_of(scenario)):
        if call not in CHANGES:
            continue
        world = await killed(scenario, index)
        committed = outcome_was_committed(world, operations)

        error = await attempt(follow_up, world.process())

        assert error is None or isinstance(error, REFUSALS), f"{call}: {error}"
        assert world.faults(parked_may_stay=committed) == [], f"killed at {index}, {call}"


@everywhere
async def test_killed_after_the_commit_leaves_a_stopped_parked_one_at_most(
    scenario: Scenario,
) -> None:
    """A kill between outcome and tidying leaves what the next replacement tidies."""
    operations = len((await scenario.world()).operations)
    for index, call in enumerate(await calls_of(scenario)):
        world = await killed(scenario, index)
        if not outcome_was_committed(world, operations):
            continue

        error = await attempt(RESTART, world.process())

        assert error is None or isinstance(error, REFUSALS), f"{call}: {error}"
        assert world.faults() == [], f"killed at {index}, {call}"


@everywhere
async def test_killed_while_settling_is_settled_by_the_next(scenario: Scenario) -> None:
    """A second process that is killed while it settles the first is settled by the third."""
    calls = await calls_of(scenario)
    middle = next((at for at, call in enumerate(calls) if call == "engine.start:done"), None)
    index = middle if middle is not None else calls.index("store.begin:done")
    settling = await killed(scenario, index)
    second = settling.process()
    await attempt(scenario.request, second)
    for nth, call in enumerate(second.calls):
        if call not in CHANGES:
            continue
        world = await killed(scenario, index)
        second = world.process()
        second.kill_at(nth)
        assert isinstance(await attempt(scenario.request, second), Killed)
        second.leases.abandon()
        world.after_the_lease()

        error = await attempt(RESTART, world.process())

        assert error is None or isinstance(error, REFUSALS), f"{call}: {error}"
        assert [each for each in world.operations if not each.outcome] == [], call
        assert world.faults(parked_may_stay=True) == [], f"killed at {nth}, {call}"
