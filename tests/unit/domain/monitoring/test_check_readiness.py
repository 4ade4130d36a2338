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


async def test_docker_alone_can_be_required(world: World) -> None:
    """A store that is away says nothing about it."""
    world.manager.on("lease.ping", ServiceUnavailable("connection refused"))
    await world.manager.cases.readiness.require_docker()

    world.docker.reachable = False
    world.clock.advance(check_readiness.MAX_AGE + 1)
    with pytest.raises(DockerUnavailable, match=r"^docker: "):
        await world.manager.cases.readiness.require_docker()


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


def checks_of(world: World) -> int:
    """Return how often Postgres was asked."""
    return world.manager.calls.count("records.ping:done")


async def test_many_callers_share_one_check(world: World) -> None:
    """A flood of callers asks the dependencies once."""
    readiness = world.manager.cases.readiness
    await asyncio.gather(*(readiness.run() for _ in range(100)))
    await readiness.run()

    assert checks_of(world) == 1


async def test_an_answer_is_at_most_a_second_old(world: World) -> None:
    """Up to a second a check is shared; after it there is a new one."""
    readiness = world.manager.cases.readiness
    await readiness.run()
    world.clock.advance(1.0)
    await readiness.run()
    shared = checks_of(world)
    world.clock.advance(0.1)
    await readiness.run()

    assert (shared, checks_of(world)) == (1, 2)


async def test_a_check_that_is_slow_is_not_shared_for_longer(world: World) -> None:
    """The age counts from the begin of the check, not from its end."""
    let_go = asyncio.Event()

    async def slow() -> None:
        await let_go.wait()

    world.manager.on("lease.ping", slow)
    readiness = world.manager.cases.readiness
    first = asyncio.create_task(readiness.run())
    await asyncio.sleep(0)
    world.clock.advance(1.1)
    second = asyncio.create_task(readiness.run())
    await asyncio.sleep(0)
    let_go.set()
    await asyncio.gather(first, second)

    assert checks_of(world) == 2


async def test_a_fault_is_shared_too(world: World) -> None:
    """Each caller gets an error of its own, with the same message."""
    world.docker.reachable = False
    readiness = world.manager.cases.readiness
    errors = await asyncio.gather(*(readiness.run() for _ in range(3)), return_exceptions=True)

    assert len({id(error) for error in errors}) == 3
    assert len({str(error) for error in errors}) == 1
    assert {type(error) for error in errors} == {DockerUnavailable}


async def test_a_caller_that_goes_does_not_end_the_check_of_others(world: World) -> None:
    """The check belongs to all who wait for it."""
    readiness = world.manager.cases.readiness
    first = asyncio.create_task(readiness.run())
    second = asyncio.create_task(readiness.run())
    await asyncio.sleep(0)
    first.cancel()

    await second


async def test_a_service_about_to_stop_is_not_ready(world: World) -> None:
    """After it is withdrawn nothing is asked any more."""
    readiness = world.manager.cases.readiness
    readiness.withdraw()

    with pytest.raises(ServiceUnavailable, match="the service is shutting down"):
        await readiness.run()

    assert checks_of(world) == 0


def test_each_check_has_two_seconds() -> None:
    """Each check has a limit of two seconds."""
    assert check_readiness.CHECK_LIMIT == 2.0
