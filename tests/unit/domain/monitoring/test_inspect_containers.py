"""Inspection: Docker's own view of an engine is reported when it gets worse."""

import pytest

from tests.unit.domain.faults import refusal
from tests.unit.domain.watch import Watch
from tests.unit.domain.world import GAME, World


@pytest.fixture
async def watch() -> Watch:
    """Return the monitoring of a game that runs."""
    world = World()
    await world.manager.start()
    return Watch(world)


async def test_healthy_engine_is_not_reported(watch: Watch) -> None:
    """An image without a health check and a passing one cause no event."""
    for health in (None, "healthy", "starting"):
        watch.world.engine.health = health
        assert await watch.inspect.run() == ""
    assert watch.reported == []


async def test_failing_health_check_is_reported_once(watch: Watch) -> None:
    """A failing check is reported once, and again only after it passed in between."""
    for health in ("unhealthy", "unhealthy", "healthy", "unhealthy"):
        watch.world.engine.health = health
        await watch.inspect.run()

    assert watch.reported == ["inspect_unhealthy"] * 2


async def test_growing_restart_count_is_reported_each_time(watch: Watch) -> None:
    """Each increase is an event with the new count."""
    for count in (1, 1, 3):
        watch.world.engine.restart_count = count
        await watch.inspect.run()

    assert watch.reported == ["inspect_unhealthy"] * 2
    event = watch.world.store.health_snapshots[GAME]
    assert event.details["reason"] == "the restart count grew from 1 to 3"
    assert set(event.details) == {"reason", "restart_count", "state", "health"}


async def test_restart_of_the_service_repeats_nothing(watch: Watch) -> None:
    """The baseline is durable, so a restart repeats no event."""
    watch.world.engine.health = "unhealthy"
    await watch.inspect.run()
    await Watch(watch.world, watch.world.process()).inspect.run()

    assert watch.reported == ["inspect_unhealthy"]


async def test_container_that_cannot_be_inspected_is_left_alone(watch: Watch) -> None:
    """A failed inspection is no event."""
    watch.process.on("host.inspect", refusal(), always=True)

    assert await watch.inspect.run() == ""
    assert watch.reported == []


async def test_container_that_exited_is_the_reconciler_s(watch: Watch) -> None:
    """An exit between list and inspection is left to the reconciler."""

    async def crash() -> None:
        watch.world.docker.crash(watch.world.engine.id)

    watch.process.on("host.list_containers:done", crash)
    watch.world.engine.health = "unhealthy"

    assert await watch.inspect.run() == ""
    assert watch.reported == []
