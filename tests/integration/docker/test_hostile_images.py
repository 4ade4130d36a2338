"""Images made with bad intent: their files and settings are refused, in bounded time and memory."""

import asyncio
import io
import tarfile
import time

import pytest

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.events import DockerContainerEvents
from rtmanager.domain.container import ContainerId, EngineImage, HealthIntervals
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operations.health_intervals import SECOND
from tests.contract.ports.docker_fixtures import inspected, running
from tests.contract.ports.docker_worlds import RealWorld, new_game_id

PASSWD = "engine:x:4243:4243::/:\n"


def _archive(member: tarfile.TarInfo, content: bytes = b"") -> bytes:
    """Return an archive with one entry, as it is put into a container."""
    packed = io.BytesIO()
    member.size = len(content)
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _entry(kind: bytes, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo("passwd")
    member.type, member.linkname = kind, link
    return member


async def _image(world: RealWorld, archive: bytes) -> EngineImage:
    """Return an image whose user is looked up in this /etc/passwd."""
    reference = f"{new_game_id()}:1.0.0"
    world.build(reference, "USER engine", files={"/etc": archive})
    image = await world.host.image(ImageRef.parse(reference))
    assert image is not None
    return image


async def test_a_user_is_found_in_a_file_of_many(real_docker: RealWorld) -> None:
    """A file of ordinary size is read to its end."""
    many = "".join(f"u{number}:x:{number}:{number}::/:\n" for number in range(5_000))
    image = await _image(real_docker, _archive(_entry(tarfile.REGTYPE), (many + PASSWD).encode()))

    assert await real_docker.host.image_owner(image) == (4243, 4243)


async def test_a_file_of_users_that_is_too_large_is_a_configuration_fault(
    real_docker: RealWorld,
) -> None:
    """Two megabytes of users are not read, and the message has the file and the limit."""
    large = (PASSWD * 100_000).encode()[: 2 << 20]
    image = await _image(real_docker, _archive(_entry(tarfile.REGTYPE), large))

    with pytest.raises(StartConfigInvalid, match=r"/etc/passwd .*2097152.*262144"):
        await real_docker.host.image_owner(image)


@pytest.mark.parametrize(
    "entry",
    [
        _entry(tarfile.FIFOTYPE),
        _entry(tarfile.DIRTYPE),
        _entry(tarfile.SYMTYPE, "/proc/kmsg"),
        _entry(tarfile.SYMTYPE, "/dev/zero"),
        _entry(tarfile.SYMTYPE, "../../../../../../etc/shadow"),
    ],
    ids=lambda entry: f"{entry.type!r} {entry.linkname}",
)
async def test_what_is_no_file_of_users_is_a_configuration_fault(
    real_docker: RealWorld, entry: tarfile.TarInfo
) -> None:
    """Pipes, directories and links out of the image are not read."""
    image = await _image(real_docker, _archive(entry))
    began = time.monotonic()

    with pytest.raises(StartConfigInvalid, match="not in its /etc/passwd"):
        await real_docker.host.image_owner(image)

    assert time.monotonic() - began < 5


async def test_a_file_that_links_to_itself_is_a_configuration_fault(
    real_docker: RealWorld,
) -> None:
    """Docker answers with an error of the server, but it is the image's fault."""
    image = await _image(real_docker, _archive(_entry(tarfile.SYMTYPE, "passwd")))

    with pytest.raises(StartConfigInvalid, match="/etc/passwd in the image cannot be read"):
        await real_docker.host.image_owner(image)


async def test_an_eager_health_check_runs_at_the_given_interval(real_docker: RealWorld) -> None:
    """The intervals replace the image's, even negative ones; the rest of the check stays."""
    image = real_docker.image_with_health_check(-5)
    every = HealthIntervals(SECOND, SECOND)
    container_id = await running(real_docker, image, health_intervals=every)

    await _healthy(real_docker, container_id)

    (listed,) = await real_docker.host.containers_with([container_id])
    assert (listed.health, listed.up_for is None) == ("healthy", False)
    shown = real_docker.api.inspect_container(container_id)["Config"]["Healthcheck"]
    real_docker.vanish(container_id)
    assert (shown["Interval"], shown["Test"]) == (SECOND, ["CMD", "/bin/true"])


async def test_a_health_check_sends_no_events(real_docker: RealWorld) -> None:
    """Docker repeats its command, here 60 KB, in events; ours are what is left of them."""
    image = real_docker.image_with_health_check(1, "x" * 60_000)
    every = HealthIntervals(SECOND, SECOND)
    client = DockerClient(real_docker.address, timeout=10.0)
    async with DockerContainerEvents(client).listen(since=None) as stream:
        container_id = await running(real_docker, image, health_intervals=every)
        await _healthy(real_docker, container_id)
        real_docker.vanish(container_id)
        actions: list[str] = []
        async with asyncio.timeout(20):
            while "destroy" not in actions:
                event = await anext(stream)
                if event.container_id == container_id:  # other tests cause events too
                    actions.append(event.action)
    await client.aclose()

    assert actions == ["start", "kill", "die", "destroy"]


async def _healthy(world: RealWorld, container_id: ContainerId) -> None:
    """Wait until Docker's health check of the container has passed."""
    async with asyncio.timeout(20):
        while (await inspected(world, container_id)).health != "healthy":  # noqa: ASYNC110 - Docker sends it to no one
            await asyncio.sleep(0.1)
