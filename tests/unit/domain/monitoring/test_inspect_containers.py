"""Inspection: what Docker itself thinks of an engine, told when it gets worse."""

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


async def test_healthy_engine_is_no_news(watch: Watch) -> None:
    """Neither an image without a health check nor one that passes is told of."""
    for health in (None, "healthy", "starting"):
        watch.world.engine.health = health
        assert await watch.inspect.run() == ""
    assert watch.told == []


async def test_failing_health_check_is_told_once(watch: Watch) -> None:
    """While it stays bad nothing more is said; when it turns bad again, it is."""
    for health in ("unhealthy", "unhealthy", "healthy", "unhealthy"):
        watch.world.engine.health = health
        await watch.inspect.run()

    assert watch.told == ["inspect_unhealthy"] * 2


async def test_growing_restart_count_is_told_each_time(watch: Watch) -> None:
    """Each growth is news, with how far it has come."""
    for count in (1, 1, 3):
        watch.world.engine.restart_count = count
        await watch.inspect.run()

    assert watch.told == ["inspect_unhealthy"] * 2
    event = watch.world.store.health_snapshots[GAME]
    assert event.details["reason"] == "the restart count grew from 1 to 3"
    assert set(event.details) == {"reason", "restart_count", "state", "health"}


async def test_restart_of_the_service_repeats_nothing(watch: Watch) -> None:
    """The baseline is durable."""
    watch.world.engine.health = "unhealthy"
    await watch.inspect.run()
    await Watch(watch.world, watch.world.process()).inspect.run()

    assert watch.told == ["inspect_unhealthy"]


async def test_container_that_cannot_be_inspected_is_left_alone(watch: Watch) -> None:
    """No answer is no illness."""
    watch.process.on("host.inspect", refusal(), always=True)

    assert await watch.inspect.run() == ""
    assert watch.told == []


async def test_container_that_exited_is_the_reconciler_s(watch: Watch) -> None:
    """An exit between list and inspection is not told here."""

    async def crash() -> None:
        watch.world.docker.crash(watch.world.engine.id)

    watch.process.on("host.list_containers:done", crash)
    watch.world.engine.health = "unhealthy"

    assert await watch.inspect.run() == ""
    assert watch.told == []
