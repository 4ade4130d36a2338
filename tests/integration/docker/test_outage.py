"""A Docker that is unreachable or frozen."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtmanager.adapters.docker import host as docker_host_module
from rtmanager.adapters.docker.host import DockerContainerHost
from rtmanager.domain.container import ContainerId
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import (
    ContainerStartFailed,
    DockerUnavailable,
)
from tests.contract.ports.docker_fixtures import created, exited, inspected, running, spec_of
from tests.contract.ports.docker_worlds import GOOD, RealWorld
from tests.support.proxy import Proxy

DEADLINE = 1.0
SLACK = 0.8


@pytest.fixture
def proxy(docker_host: str, tmp_path: Path) -> Iterator[Proxy]:
    """Return a proxy in front of Docker's socket."""
    target = Path(docker_host.removeprefix("unix://"))
    with Proxy(target, listen_on=tmp_path / "docker.sock") as switch:
        yield switch


@pytest.fixture
def host(real_docker: RealWorld, proxy: Proxy, tmp_path: Path) -> DockerContainerHost:
    """Return a host behind the proxy, with a short deadline and not connected yet."""
    proxy.pass_on()
    return real_docker.new_host(
        network=real_docker.network,
        address=f"unix://{tmp_path}/docker.sock",
        timeout=DEADLINE,
        pull_stall=DEADLINE,
    )


async def _seconds_until_unavailable(call: Any) -> float:
    began = time.monotonic()
    with pytest.raises(DockerUnavailable) as caught:
        await call
    assert caught.value.message
    return time.monotonic() - began


async def test_docker_may_be_away_at_first(
    host: DockerContainerHost, proxy: Proxy, tmp_path: Path
) -> None:
    """The host connects at its first call, and works later without a restart."""
    proxy.refuse()
    with pytest.raises(DockerUnavailable, match=f"{tmp_path}/docker.sock cannot be reached"):
        await host.ping()

    proxy.pass_on()

    await host.ping()


async def test_a_refusing_docker_is_unavailable_at_once(
    host: DockerContainerHost, proxy: Proxy
) -> None:
    """A refused connection fails at once, not at the deadline, and later calls work."""
    await host.ping()
    proxy.refuse()

    assert await _seconds_until_unavailable(host.list_containers()) < DEADLINE

    proxy.pass_on()
    assert await host.network_exists()


async def test_a_connection_lost_in_the_middle_is_unavailable(
    real_docker: RealWorld, host: DockerContainerHost, proxy: Proxy
) -> None:
    """A call whose reply was lost is unavailable, although it took effect."""
    container_id = await created(real_docker)
    await host.ping()
    proxy.lose_reply_to(b"/start")

    with pytest.raises(DockerUnavailable):
        await host.start(container_id)

    async with asyncio.timeout(10):
        found = await inspected(real_docker, container_id)
        while not found.is_running:
            await asyncio.sleep(0.05)  # the real Docker sends no notice
            found = await inspected(real_docker, container_id)


async def test_every_call_has_a_deadline(
    real_docker: RealWorld, host: DockerContainerHost, proxy: Proxy
) -> None:
    """Every call to a frozen Docker is unavailable after its deadline."""
    spec = await spec_of(real_docker)
    image = await real_docker.host.image(ImageRef.parse("galaxy/game:1.4.90-user-by-name"))
    assert image is not None
    gone = ContainerId("0" * 64)
    await host.ping()
    proxy.hang()
    calls = (
        host.ping(),
        host.network_exists(),
        host.list_containers(),
        host.containers_of("g"),
        host.named("n"),
        host.inspect(gone),
        host.logs(gone, lines=5),
        host.image(ImageRef.parse(GOOD)),
        host.image_owner(image),
        host.pull(ImageRef.parse("127.0.0.1:9/a/b:1"), progress=lambda _: None),
        host.create(spec),
        host.start(gone),
        host.rename(gone, "n"),
        host.remove(gone),
    )

    waited = await asyncio.gather(*(_seconds_until_unavailable(call) for call in calls))

    assert all(seconds < DEADLINE + SLACK for seconds in waited), waited


async def test_last_lines_are_not_waited_for_as_long(
    host: DockerContainerHost, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop waits for them when its engine has ended already."""
    monkeypatch.setattr(docker_host_module, "TAIL_SECONDS", 0.1)
    await host.ping()
    proxy.hang()

    waited = await _seconds_until_unavailable(host.logs(ContainerId("0" * 64), lines=5))

    assert waited < DEADLINE


async def test_trap_stop_hangs_for_ever(
    real_docker: RealWorld, host: DockerContainerHost, proxy: Proxy
) -> None:
    """A stop that is never answered ends after its grace period and one deadline."""
    container_id = await running(real_docker)
    await host.ping()
    proxy.hang()

    waited = await _seconds_until_unavailable(host.stop(container_id, grace=1))

    assert waited + 0.05 >= 1 + DEADLINE
    assert waited < 1 + DEADLINE + SLACK


async def test_a_stop_continues_when_its_connection_is_lost(
    real_docker: RealWorld, host: DockerContainerHost, proxy: Proxy
) -> None:
    """A stop whose caller died still stops the engine."""
    container_id = await running(real_docker, "galaxy/game:1.4.90-ignores-sigterm")
    await host.ping()
    stop = asyncio.create_task(host.stop(container_id, grace=2))
    await asyncio.sleep(0.4)  # the real Docker does not report when a request has arrived

    proxy.cut()

    with pytest.raises(DockerUnavailable):
        await stop
    assert (await inspected(real_docker, container_id)).is_running
    assert (await exited(real_docker, container_id)).exit_code == 137


async def test_stops_that_hang_hold_no_other_call_up(
    real_docker: RealWorld, host: DockerContainerHost
) -> None:
    """Forty engines that ignore the signal do not delay reads and starts."""
    deaf = await running(real_docker, "galaxy/game:1.4.90-ignores-sigterm")
    other = await created(real_docker)
    stops = [asyncio.create_task(host.stop(deaf, grace=5)) for _ in range(40)]

    async with asyncio.timeout(4):
        await asyncio.sleep(0)
        assert await host.inspect(deaf)
        await real_docker.host.start(other)

    assert not any(task.done() for task in stops)
    # A busy machine may answer some of them after their deadline.
    await asyncio.gather(*stops, return_exceptions=True)
    assert (await exited(real_docker, deaf)).exit_code == 137


async def test_the_deadline_holds_when_every_thread_is_stuck(
    host: DockerContainerHost, proxy: Proxy
) -> None:
    """With more callers than threads all get their error in time, and nothing is left behind."""
    await host.ping()
    proxy.hang()

    waited = await asyncio.gather(
        *(_seconds_until_unavailable(host.network_exists()) for _ in range(60))
    )

    assert max(waited) < DEADLINE + SLACK
    proxy.pass_on()
    assert await host.network_exists()


async def test_a_frozen_docker_does_not_hold_the_start_queue(
    host: DockerContainerHost, proxy: Proxy
) -> None:
    """A long queue of starts fails together, not one deadline after the other."""
    await host.ping()
    proxy.hang()
    gone = ContainerId("0" * 64)

    waited = await asyncio.gather(
        *(_seconds_until_unavailable(host.start(gone)) for _ in range(30))
    )

    assert max(waited) < 2 * DEADLINE + SLACK


async def test_what_nobody_waits_for_any_more_is_not_begun(
    real_docker: RealWorld, host: DockerContainerHost, proxy: Proxy
) -> None:
    """Calls queued behind a frozen Docker are not made after their deadline."""
    spec = await spec_of(real_docker)
    proxy.hang()  # not even the API version is negotiated
    waited = [_seconds_until_unavailable(host.create(spec)) for _ in range(20)]
    await asyncio.gather(*waited)

    proxy.pass_on()
    await host.ping()

    assert await host.named(spec.name) is None


async def test_a_failing_start_quotes_docker(real_docker: RealWorld) -> None:
    """A start that Docker refuses is a failed start, not an unavailable Docker."""
    answer = real_docker.api.create_container(
        GOOD,
        ["/no/such/program"],
        host_config=real_docker.api.create_host_config(network_mode=real_docker.network),
    )

    with pytest.raises(ContainerStartFailed, match="no such file or directory"):
        await real_docker.host.start(ContainerId(answer["Id"]))
