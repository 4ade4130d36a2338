import asyncio

import pytest

from rtmanager.domain.errors import DockerUnavailable, ErrorCode, ServiceUnavailable
from rtmanager.domain.monitoring import check_readiness
from tests.unit.domain.faults import unavailable
from tests.unit.domain.world import Hang, World


@pytest.fixture
def world() -> World:
    """Return a world with one process."""
    return World()


async def test_ready_when_everything_answers(world: World) -> None:
    """The check raises nothing when all four dependencies answer."""
    await world.manager.cases.readiness.run()

    assert {"records.ping:done", "lease.ping:done", "host.ping:done"} <= set(world.manager.calls)


@pytest.mark.parametrize(("call", "name"), [("records.ping", "postgres"), ("lease.ping", "redis")])
async def test_store_that_is_away_is_named(world: World, call: str, name: str) -> None:
    """A store that does not answer is service_unavailable and named."""
    world.manager.on(call, ServiceUnavailable("connection refused"))

    with pytest.raises(ServiceUnavailable, match=f"^{name}: connection refused$"):
        await world.manager.cases.readiness.run()


async def test_docker_alone_away_is_docker_unavailable(world: World) -> None:
    """Docker has its own code, and its network is not reported as missing too."""
    world.docker.reachable = False

    with pytest.raises(DockerUnavailable, match=r"^docker: ") as error:
        await world.manager.cases.readiness.run()

    assert error.value.code is ErrorCode.DOCKER_UNAVAILABLE
    assert "network" not in str(error.value)


async def test_docker_that_hangs_is_docker_unavailable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network check hangs with Docker and is not reported separately."""
    monkeypatch.setattr(check_readiness, "CHECK_LIMIT", 0.01)
    world.manager.on("host.ping", Hang())
    world.manager.on("host.network_exists", Hang())

    with pytest.raises(DockerUnavailable, match=r"^docker: no answer within 0\.01 s$"):
        await world.manager.cases.readiness.run()


async def test_missing_network_is_named(world: World) -> None:
    """Without the engines' network no game can start."""
    world.docker.networks.clear()

    with pytest.raises(ServiceUnavailable, match=r"^network: .*galaxy-net does not exist"):
        await world.manager.cases.readiness.run()


async def test_every_fault_is_named_at_once(world: World) -> None:
    """One answer names every dependency that is away."""
    world.manager.on("records.ping", ServiceUnavailable("gone"))
    world.manager.on("host.ping", unavailable())

    with pytest.raises(ServiceUnavailable, match=r"^postgres: gone; docker: no answer"):
        await world.manager.cases.readiness.run()


async def test_check_that_hangs_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dependency that does not answer in time is named, and the others are checked meanwhile."""
    monkeypatch.setattr(check_readiness, "CHECK_LIMIT", 0.01)
    world.manager.on("lease.ping", Hang())

    with pytest.raises(ServiceUnavailable, match=r"^redis: no answer within 0\.01 s$"):
        await world.manager.cases.readiness.run()

    assert "host.ping:done" in world.manager.calls


async def test_check_that_is_slow_to_be_cancelled_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds even for a driver that takes long to cancel."""
    monkeypatch.setattr(check_readiness, "CHECK_LIMIT", 0.01)
    given_up, let_go = asyncio.Event(), asyncio.Event()

    async def slow_to_be_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
            await let_go.wait()

    world.manager.on("records.ping", slow_to_be_cancelled)

    async with asyncio.timeout(5):
        with pytest.raises(ServiceUnavailable, match=r"^postgres: no answer within 0\.01 s$"):
            await world.manager.cases.readiness.run()
        await given_up.wait()
    let_go.set()


def test_each_check_has_two_seconds() -> None:
    """Each check has a limit of two seconds."""
    assert check_readiness.CHECK_LIMIT == 2.0
