"""A Docker engine that is away, frozen, of another generation, or none at all."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from rtmanager.adapters.docker.engine import DockerContainerEngine
from rtmanager.domain.container import ContainerId
from rtmanager.domain.ports.container_engine import (
    ContainerStartFailed,
    DockerUnavailable,
    EngineRefused,
)
from tests.contract.ports.docker_fixtures import (
    GOOD,
    RealWorld,
    created,
    inspected,
    running,
    spec_of,
)
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


Answer = Callable[[str], tuple[int, object]]


@contextmanager
def _fake_engine(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = answer(self.path)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"tcp://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"ApiVersion": "2.10", "MinAPIVersion": "1.99"}, "speaks API 1.99 at least"),
        ({"ApiVersion": "1.39", "MinAPIVersion": "1.12"}, "speaks API 1.39 at most"),
        ({"hello": "world"}, "is not a Docker engine"),
        (["hello"], "is not a Docker engine"),
        ({"ApiVersion": "new"}, "is not a Docker engine"),
    ],
)
async def test_trap_api_version_floor(real_docker: RealWorld, answer: object, words: str) -> None:
    """Without a common API version the message says who has to be upgraded."""
    with _fake_engine(lambda _: (200, answer)) as host:
        engine = real_docker.new_engine(network="n", host=host)

        with pytest.raises(DockerUnavailable, match=words):
            await engine.ping()


async def test_an_engine_replaced_by_an_older_one_is_agreed_with_again(
    real_docker: RealWorld,
) -> None:
    """A version that is refused later is agreed on anew at the next call."""
    speaks = "1.45"

    def answer(path: str) -> tuple[int, object]:
        if path == "/version":
            return 200, {"ApiVersion": speaks, "MinAPIVersion": "1.24"}
        if path.startswith(f"/v{speaks}/"):
            return 200, "OK"
        return 400, {"message": f"client version 1.45 is too new. Maximum is {speaks}"}

    with _fake_engine(answer) as host:
        engine = real_docker.new_engine(network="n", host=host)
        await engine.ping()
        speaks = "1.42"

        with pytest.raises(DockerUnavailable, match="too new"):
            await engine.ping()

        await engine.ping()


@pytest.mark.parametrize(("status", "body"), [(404, {}), (500, {}), (200, "text")])
async def test_another_kind_of_server_is_unavailable(
    real_docker: RealWorld, status: int, body: object
) -> None:
    """What is no Docker engine never tells us that a container is gone."""
    with _fake_engine(lambda _: (status, body)) as host:
        engine = real_docker.new_engine(network="n", host=host)

        with pytest.raises(DockerUnavailable, match="is not a Docker engine"):
            await engine.inspect(ContainerId("0" * 64))


async def test_a_404_of_something_in_between_makes_no_container_vanish(
    real_docker: RealWorld,
) -> None:
    """Only the engine's own words say that a container is gone."""

    def answer(path: str) -> tuple[int, object]:
        version = {"ApiVersion": "1.45", "MinAPIVersion": "1.24"}
        return (200, version) if path == "/version" else (404, {"message": "page not found"})

    with _fake_engine(answer) as host:
        engine = real_docker.new_engine(network="n", host=host)

        with pytest.raises(EngineRefused, match="page not found"):
            await engine.inspect(ContainerId("0" * 64))


async def test_what_is_no_docker_address_is_unavailable(real_docker: RealWorld) -> None:
    """A nonsense address is told as such."""
    engine = real_docker.new_engine(network="n", host="gopher://engine")

    with pytest.raises(DockerUnavailable, match="no Docker address"):
        await engine.ping()
