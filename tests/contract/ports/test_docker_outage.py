"""A Docker engine that is away or frozen."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtmanager.adapters.docker.engine import DockerContainerEngine
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_engine import (
    ContainerStartFailed,
    DockerUnavailable,
)
from tests.contract.ports.docker_fixtures import created, inspected, running, spec_of
from tests.contract.ports.docker_worlds import GOOD, RealWorld
from tests.services.proxy import Proxy

DEADLINE = 1.0
SLACK = 0.8


@pytest.fixture
def proxy(docker_host: str, tmp_path: Path) -> Iterator[Proxy]:
    """Return a proxy before the Docker engine's socket."""
    target = Path(docker_host.removeprefix("unix://"))
    with Proxy(target, listen_on=tmp_path / "docker.sock") as switch:
        yield switch


@pytest.fixture
def engine(real_docker: RealWorld, proxy: Proxy, tmp_path: Path) -> DockerContainerEngine:
    """Return an engine behind the proxy, with a short deadline; nothing is connected yet."""
    proxy.pass_on()
    return real_docker.new_engine(
        network=real_docker.network,
        host=f"unix://{tmp_path}/docker.sock",
        timeout=DEADLINE,
        pull_stall=DEADLINE,
    )


async def _seconds_until_unavailable(call: Any) -> float:
    began = time.monotonic()
    with pytest.raises(DockerUnavailable) as caught:
        await call
    assert caught.value.message
    return time.monotonic() - began


async def test_the_engine_may_be_away_at_first(
    engine: DockerContainerEngine, proxy: Proxy, tmp_path: Path
) -> None:
    """Nothing is connected before the first call, and a later one works without a restart."""
    proxy.refuse()
    with pytest.raises(DockerUnavailable, match=f"{tmp_path}/docker.sock cannot be reached"):
        await engine.ping()

    proxy.pass_on()

    await engine.ping()


async def test_a_refusing_engine_is_unavailable_at_once(
    engine: DockerContainerEngine, proxy: Proxy
) -> None:
    """No deadline is waited for when nobody listens, and it works again afterwards."""
    await engine.ping()
    proxy.refuse()

    assert await _seconds_until_unavailable(engine.list_containers()) < DEADLINE

    proxy.pass_on()
    assert await engine.network_exists()


async def test_a_connection_lost_in_the_middle_is_unavailable(
    real_docker: RealWorld, engine: DockerContainerEngine, proxy: Proxy
) -> None:
    """A lost reply does not say that nothing happened: here it did."""
    container_id = await created(real_docker)
    await engine.ping()
    proxy.lose_reply_to(b"/start")

    with pytest.raises(DockerUnavailable):
        await engine.start(container_id)

    async with asyncio.timeout(10):
        found = await inspected(real_docker, container_id)
        while not found.is_running:
            await asyncio.sleep(0.05)  # the real engine tells nobody
            found = await inspected(real_docker, container_id)


async def test_every_call_has_a_deadline(
    real_docker: RealWorld, engine: DockerContainerEngine, proxy: Proxy
) -> None:
    """A frozen engine is unavailable when the deadline passes, whatever was asked."""
    spec = await spec_of(real_docker)
    image = await real_docker.engine.image("galaxy/game:1.4.90-user-by-name")
    assert image is not None
    gone = ContainerId("0" * 64)
    await engine.ping()
    proxy.hang()
    calls = (
        engine.ping(),
        engine.network_exists(),
        engine.list_containers(),
        engine.containers_of("g"),
        engine.named("n"),
        engine.inspect(gone),
        engine.logs(gone, lines=5),
        engine.image(GOOD),
        engine.image_owner(image),
        engine.pull("127.0.0.1:9/a/b:1", progress=lambda _: None),
        engine.create(spec),
        engine.start(gone),
        engine.rename(gone, "n"),
        engine.remove(gone),
    )

    waited = await asyncio.gather(*(_seconds_until_unavailable(call) for call in calls))

    assert all(seconds < DEADLINE + SLACK for seconds in waited), waited


async def test_trap_stop_hangs_for_ever(
    real_docker: RealWorld, engine: DockerContainerEngine, proxy: Proxy
) -> None:
    """A stop that is never answered ends with its grace period and one deadline."""
    container_id = await running(real_docker)
    await engine.ping()
    proxy.hang()

    waited = await _seconds_until_unavailable(engine.stop(container_id, grace=1))

    assert waited + 0.05 >= 1 + DEADLINE
    assert waited < 1 + DEADLINE + SLACK


async def test_stops_that_hang_hold_no_other_call_up(
    real_docker: RealWorld, engine: DockerContainerEngine
) -> None:
    """Forty engines that do not mind the signal leave reads and starts alone."""
    deaf = await running(real_docker, "galaxy/game:1.4.90-ignores-sigterm")
    other = await created(real_docker)
    stops = [asyncio.create_task(engine.stop(deaf, grace=5)) for _ in range(40)]

    async with asyncio.timeout(4):
        await asyncio.sleep(0)
        assert await engine.inspect(deaf)
        await real_docker.engine.start(other)

    assert not any(task.done() for task in stops)
    await asyncio.gather(*stops)


async def test_the_deadline_holds_when_every_thread_is_stuck(
    engine: DockerContainerEngine, proxy: Proxy
) -> None:
    """More callers than threads all hear within the deadline, and nothing is left behind."""
    await engine.ping()
    proxy.hang()

    waited = await asyncio.gather(
        *(_seconds_until_unavailable(engine.network_exists()) for _ in range(60))
    )

    assert max(waited) < DEADLINE + SLACK
    proxy.pass_on()
    assert await engine.network_exists()


async def test_a_frozen_engine_does_not_hold_the_start_queue(
    engine: DockerContainerEngine, proxy: Proxy
) -> None:
    """A long queue of starts fails together, not one deadline after the other."""
    await engine.ping()
    proxy.hang()
    gone = ContainerId("0" * 64)

    waited = await asyncio.gather(
        *(_seconds_until_unavailable(engine.start(gone)) for _ in range(30))
    )

    assert max(waited) < 2 * DEADLINE + SLACK


async def test_what_nobody_waits_for_any_more_is_not_begun(
    real_docker: RealWorld, engine: DockerContainerEngine, proxy: Proxy
) -> None:
    """Calls that were queued behind a frozen engine do not come to life after their deadline."""
    spec = await spec_of(real_docker)
    proxy.hang()  # not even the API version is agreed on
    waited = [_seconds_until_unavailable(engine.create(spec)) for _ in range(20)]
    await asyncio.gather(*waited)

    proxy.pass_on()
    await engine.ping()

    assert await engine.named(spec.name) is None


async def test_a_failing_start_tells_the_engine_s_words(real_docker: RealWorld) -> None:
    """What the engine refuses to start is a failed start, not an unavailable engine."""
    answer = real_docker.api.create_container(
        GOOD,
        ["/no/such/program"],
        host_config=real_docker.api.create_host_config(network_mode=real_docker.network),
    )

    with pytest.raises(ContainerStartFailed, match="no such file or directory"):
        await real_docker.engine.start(ContainerId(answer["Id"]))
