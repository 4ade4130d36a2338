"""A call's error says nothing about its effect: one fault at every call of every operation."""

from collections.abc import Callable

import pytest

from rtmanager.domain.errors import RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.operation import Outcome
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.operations.scenarios import (
    SCENARIOS,
    Scenario,
    attempt,
    by_name,
    calls_of,
    crash_points,
    fault_points,
    is_answered,
)

everywhere = pytest.mark.parametrize("scenario", SCENARIOS, ids=by_name)


@pytest.mark.parametrize("fault", [unavailable, refusal], ids=["unavailable", "refused"])
@everywhere
async def test_one_failed_call_ends_whole_or_open_and_the_request_again_whole(
    scenario: Scenario, fault: Callable[[], RuntimeManagerError]
) -> None:
    """After one failed call the operation is finished or open; repeating it finishes it."""
    calls = await calls_of(scenario)
    for index in fault_points(calls, "host."):
        call, world = calls[index], await scenario.world()
        before, unreconciled = len(world.operations), world.faults()
        world.manager.at(index, fault())

        first = await attempt(scenario.request, world.manager)

        assert first is None or isinstance(first, RuntimeManagerError), f"{call}: {first!r}"
        assert len(world.operations) == before + 1, f"{call}: every request ends in one row"
        left_over = first is None and call == "host.remove"
        if world.last.outcome is not None:
            assert (world.last.outcome == "success") == (first is None), f"{call}: {first!r}"
            faults = world.faults(parked_may_stay=left_over)
            assert faults in ([], unreconciled), f"{index}, {call}"

        error = await attempt(scenario.request, world.manager)

        assert is_answered(error, scenario), f"{call}: {error}"
        assert world.faults(parked_may_stay=left_over) == [], f"{index}, {call}"


@everywhere
async def test_docker_away_in_the_middle_is_resumed_when_it_is_back(scenario: Scenario) -> None:
    """When Docker disappears at any call, the next request after its return resumes it."""
    calls = await calls_of(scenario)
    for index in fault_points(calls, "host."):
        call = calls[index]
        if call.endswith(":done"):
            continue  # equal to an outage that begins at the next call
        world = await scenario.world()
        world.manager.at(index, world.docker_leaves)
        first = await attempt(scenario.request, world.manager)
        committed = world.last.outcome is Outcome.SUCCESS
        world.docker.reachable = True

        error = await attempt(scenario.request, world.manager)

        assert first is None or isinstance(first, RuntimeManagerError), f"{call}: {first!r}"
        assert is_answered(error, scenario), f"{call}: {error}"
        assert world.faults(parked_may_stay=committed) == [], f"{index}, {call}"


@everywhere
async def test_lost_database_replies_end_whole(scenario: Scenario) -> None:
    """When Postgres fails once at any call, repeating the request finishes the operation."""
    calls = await calls_of(scenario)
    for index in fault_points(calls, "store.", "records."):
        world = await scenario.world()
        world.manager.at(index, ServiceUnavailable("connection lost"))
        await attempt(scenario.request, world.manager)
        committed = bool(world.operations) and world.last.outcome is Outcome.SUCCESS

        error = await attempt(scenario.request, world.manager)

        assert is_answered(error, scenario), f"{calls[index]}: {error}"
        assert world.faults(parked_may_stay=committed) == [], f"{index}, {calls[index]}"


@everywhere
async def test_lost_lease_then_the_request_again_ends_whole(scenario: Scenario) -> None:
    """A lost lease stops the operation at any call, and repeating the request resumes it."""
    calls = await calls_of(scenario)
    for index in crash_points(calls):
        world = await scenario.world()
        world.manager.at(index, world.lease_expires)
        await attempt(scenario.request, world.manager)

        error = await attempt(scenario.request, world.manager)

        assert is_answered(error, scenario), f"{calls[index]}: {error}"
        assert world.faults() == [], f"{index}, {calls[index]}"
