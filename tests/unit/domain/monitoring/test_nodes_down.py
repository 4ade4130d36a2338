"""What is reported of engines on a node that is down."""

import pytest

from rtmanager.domain.insight.health import HealthState
from tests.unit.domain.swarm import SwarmWorld
from tests.unit.domain.watch import Watch
from tests.unit.domain.world import GAME, THRESHOLD


@pytest.fixture
async def watch(swarm: SwarmWorld) -> Watch:
    """Return the monitoring of a game that runs on node a."""
    await swarm.manager.start()
    return Watch(swarm)


async def test_engine_out_of_reach_is_reported_once_per_outage(
    watch: Watch, swarm: SwarmWorld
) -> None:
    """However often it is looked at, by whichever process, and again at the next outage."""
    for _ in range(2):
        swarm.partition("a")
        assert await watch.inspect.run() == "g1 is out of reach: node a is down"
        assert await watch.inspect.run() == ""
        await Watch(swarm, swarm.process()).inspect.run()
        swarm.reconnect("a")
        await watch.inspect.run()

    assert watch.reported == ["inspect_unhealthy"] * 2
    event = swarm.store.health_snapshots[GAME]
    assert event.details == {
        "reason": "node_down",
        "restart_count": 0,
        "state": "running",
        "health": "none",
    }


async def test_report_is_logged(
    watch: Watch, swarm: SwarmWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with the reason."""
    swarm.partition("a")
    await watch.inspect.run()
    await watch.inspect.run()

    lines = [each for each in caplog.records if each.message == "engine_unhealthy"]
    assert [vars(each)["reason"] for each in lines] == ["node_down"]


async def test_single_host_has_no_such_question(watch: Watch, swarm: SwarmWorld) -> None:
    """It would be asked at every round for nothing."""
    swarm.tasks.clear()
    watch.process.calls.clear()
    await watch.inspect.run()

    assert watch.process.calls.count("health.baselines") == 1


async def test_engines_of_a_swarm_are_not_inspected_one_by_one(watch: Watch) -> None:
    """Swarm shows neither a health check nor a count of restarts: nothing could be news."""
    watch.process.calls.clear()
    await watch.inspect.run()

    assert "host.inspect" not in watch.process.calls


async def test_probe_neither_misses_nor_hears_an_engine_out_of_reach(
    watch: Watch, swarm: SwarmWorld
) -> None:
    """It is not asked; what was known of it is not known any more."""
    await watch.probe.run()
    swarm.partition("a")
    watch.process.calls.clear()
    for _ in range(2 * THRESHOLD):
        assert await watch.probe.run() == ""

    assert watch.reported == []
    assert "probe.check" not in watch.process.calls
    health = await watch.process.cases.health.get(GAME)
    assert (health.state, health.error) == (HealthState.UNKNOWN, "node a is down")


async def test_disk_use_of_an_engine_out_of_reach_is_not_measured(
    watch: Watch, swarm: SwarmWorld, caplog: pytest.LogCaptureFixture
) -> None:
    """That would only fail, for minutes."""
    swarm.partition("a")
    watch.process.calls.clear()

    assert await watch.process.cycles.measure_disk_use.run() == ""
    assert "host.disk_use" not in watch.process.calls
    assert caplog.records == []
