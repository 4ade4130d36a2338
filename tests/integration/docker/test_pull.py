"""Pulling with a real Docker, from real registries and from one that misbehaves."""

import asyncio
import base64
import json
import shutil
import time
from pathlib import Path
from threading import Event

import pytest

from rtmanager.adapters.docker.client import Bulkhead, DockerClient
from rtmanager.adapters.docker.host import DockerContainerHost
from rtmanager.domain.container import EngineImage
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import ImagePullFailed
from tests.contract.ports.docker_worlds import RealWorld
from tests.support.docker import SecuredRegistry
from tests.support.hostile_registry import hostile_registry


async def _pull(world: RealWorld, reference: str) -> EngineImage:
    return await world.host.pull(ImageRef.parse(reference), progress=lambda _: None)


def _config(path: Path, registry: SecuredRegistry, password: str) -> str:
    token = base64.b64encode(f"{registry.user}:{password}".encode()).decode()
    path.write_text(json.dumps({"auths": {registry.address: {"auth": token}}}))
    return str(path)


@pytest.fixture
def private_reference(real_docker: RealWorld, secured_registry: SecuredRegistry) -> str:
    """Return a reference in the registry that needs a password."""
    login = {"username": secured_registry.user, "password": secured_registry.password}
    return real_docker.publish(secured_registry.address, auth_config=login)


async def test_pull_without_credentials_fails(
    real_docker: RealWorld, private_reference: str, tmp_path: Path
) -> None:
    """The caller learns that the registry refused access."""
    (tmp_path / "config.json").write_text("{}")
    host = real_docker.new_host(
        network=real_docker.network, docker_config_file=str(tmp_path / "config.json")
    )

    with pytest.raises(ImagePullFailed, match="the registry refused access"):
        await host.pull(ImageRef.parse(private_reference), progress=lambda _: None)


async def test_credentials_are_read_again_when_the_file_changes(
    real_docker: RealWorld,
    private_reference: str,
    secured_registry: SecuredRegistry,
    tmp_path: Path,
) -> None:
    """A corrected password works without a restart."""
    path = tmp_path / "config.json"
    file = _config(path, secured_registry, "wrong")
    host = real_docker.new_host(network=real_docker.network, docker_config_file=file)
    with pytest.raises(ImagePullFailed, match="the registry refused access"):
        await host.pull(ImageRef.parse(private_reference), progress=lambda _: None)

    _config(path, secured_registry, secured_registry.password)

    assert (await host.pull(ImageRef.parse(private_reference), progress=lambda _: None)).id


@pytest.mark.parametrize("content", [None, "no json", '{"auths": {"host": {"auth": "!"}}}', "[1]"])
async def test_an_unreadable_credentials_file_is_named_and_not_quoted(
    real_docker: RealWorld, tmp_path: Path, content: str | None
) -> None:
    """The fault names the file and quotes nothing of it, because it may contain a secret."""
    path = tmp_path / "credentials.json"
    if content is not None:
        path.write_text(content)
    host = real_docker.new_host(network=real_docker.network, docker_config_file=str(path))

    with pytest.raises(ImagePullFailed) as caught:
        await host.pull(
            ImageRef.parse(f"{real_docker.registry}/galaxy/none:1"), progress=lambda _: None
        )

    assert str(path) in caught.value.message
    assert caught.value.__cause__ is None
    assert content is None or content not in caught.value.message


async def test_trap_pull_error_inside_200(real_docker: RealWorld, session_dir: Path) -> None:
    """An error inside a 200 response fails the pull, even if the host has an older image."""
    reference = real_docker.publish()
    real_docker.build(reference)  # an older image carries the tag on the host
    name = reference.split("/", 1)[1].rpartition(":")[0]
    repository = session_dir / "registry/images/docker/registry/v2/repositories" / name
    shutil.rmtree(repository / "_layers")
    # Docker answers 200: the SDK raises nothing and finds the older image.
    stream = list(real_docker.api.pull(reference, stream=True, decode=True))
    assert "errorDetail" in stream[-1]

    with pytest.raises(ImagePullFailed):
        await _pull(real_docker, reference)

    assert await real_docker.host.image(ImageRef.parse(reference)) is not None


async def test_concurrent_pulls_share_one(real_docker: RealWorld) -> None:
    """However the reference is spelled, Docker pulls once and all callers get the progress."""
    with hostile_registry() as registry:
        host = real_docker.new_host(network=real_docker.network, pull_stall=2.0)
        spellings = (f"{registry.host}/stalls/game", f"{registry.host}/stalls/game:latest")
        results = await asyncio.gather(
            *(host.pull(ImageRef.parse(one), progress=lambda _: None) for one in spellings * 3),
            return_exceptions=True,
        )

        assert len({id(result) for result in results}) == 1
        assert registry.count("stalls") == 1


async def test_a_caller_who_leaves_does_not_end_the_pull_of_others(real_docker: RealWorld) -> None:
    """A cancelled caller leaves the shared pull running."""
    reference = real_docker.publish()
    first = asyncio.create_task(_pull(real_docker, reference))
    second = asyncio.create_task(_pull(real_docker, reference))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).id
    assert first.cancelled()


async def test_trap_pull_stalls(real_docker: RealWorld) -> None:
    """A pull without progress is given up at the stall limit, and a later one can succeed."""
    with hostile_registry() as registry:
        host = real_docker.new_host(network=real_docker.network, pull_stall=1.5)
        began = time.monotonic()

        with pytest.raises(ImagePullFailed, match=r"no progress for 1\.5 s"):
            await host.pull(ImageRef.parse(registry.reference("stalls")), progress=lambda _: None)

        assert time.monotonic() - began < 5.0
    reference = real_docker.publish()
    assert (await host.pull(ImageRef.parse(reference), progress=lambda _: None)).id


async def test_a_stalled_pull_holds_nothing_else_up(real_docker: RealWorld) -> None:
    """While some pulls hang, lists and other pulls still work."""
    reference = real_docker.publish()
    with hostile_registry() as registry:
        host = real_docker.new_host(network=real_docker.network, pull_stall=4.0)
        stuck = [
            asyncio.create_task(
                host.pull(ImageRef.parse(registry.reference("stalls", n)), progress=lambda _: None)
            )
            for n in range(3)
        ]
        async with asyncio.timeout(3):
            await host.list_containers()
            await host.pull(ImageRef.parse(reference), progress=lambda _: None)

        assert not any(task.done() for task in stuck)
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_pull_waits_for_a_thread_up_to_the_stall_limit(real_docker: RealWorld) -> None:
    """A pull that gets no thread within the stall limit fails instead of waiting forever."""
    client = DockerClient(real_docker.address, pull_stall=0.5)
    over = Event()
    under_way = [
        asyncio.create_task(client.pull(lambda _: over.wait(20)))
        for _ in range(Bulkhead.PULL.value)
    ]
    host = DockerContainerHost(client, network=real_docker.network, start_concurrency=1)
    began = time.monotonic()

    with pytest.raises(ImagePullFailed, match="too many pulls are under way"):
        await host.pull(ImageRef.parse("127.0.0.1:9/galaxy/game:1"), progress=lambda _: None)

    assert time.monotonic() - began < 3.0
    over.set()
    await asyncio.gather(*under_way)
    await host.aclose()
