"""The container host port's calls on images, on the double and on a real Docker."""

import asyncio

import pytest

from rtmanager.domain.container import (
    KIND,
    KIND_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerId,
    HealthIntervals,
)
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import (
    ImagePullFailed,
    PullFault,
    StartConfigInvalid,
)
from tests.contract.ports.docker_fixtures import (
    missing_image,
)
from tests.contract.ports.docker_worlds import (
    BY_NAME,
    BY_NUMBER,
    GOOD,
    LIMITED,
    NO_SUCH_USER,
    DockerWorld,
)

GONE = ContainerId("0" * 64)
OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}


async def test_an_image_is_found_by_reference_and_by_id(docker_world: DockerWorld) -> None:
    """Reference and id find the same image."""
    by_reference = await docker_world.host.image(ImageRef.parse(GOOD))
    assert by_reference is not None

    assert await docker_world.host.image(by_reference.id) == by_reference


async def test_an_image_is_found_by_any_spelling(docker_world: DockerWorld) -> None:
    """The reference may include or omit Docker's default host."""
    plain = await docker_world.host.image(ImageRef.parse(GOOD))

    assert plain is not None
    assert await docker_world.host.image(ImageRef.parse(f"docker.io/{GOOD}")) == plain


async def test_an_image_shows_its_labels_and_user(image_world: DockerWorld) -> None:
    """Limits and the state directory's owner are read from the image."""
    limited = await image_world.host.image(ImageRef.parse(LIMITED))
    user = await image_world.host.image(ImageRef.parse(BY_NAME))

    assert limited is not None
    assert user is not None
    assert limited.labels["com.galaxy.memory"] == "64m"
    assert (limited.user, user.user) == ("", "engine")


@pytest.mark.parametrize("interval", [1, 2**63 - 1])
async def test_an_image_shows_how_often_it_is_checked(
    image_world: DockerWorld, interval: int
) -> None:
    """The intervals of the image's health check are read; most images have none."""
    checked = await image_world.host.image(
        ImageRef.parse(image_world.image_with_health_check(interval))
    )
    good = await image_world.host.image(ImageRef.parse(GOOD))

    assert checked is not None
    assert good is not None
    assert checked.health_intervals == HealthIntervals(running=interval, starting=0)
    assert good.health_intervals is None


@pytest.mark.parametrize("length", [1, 5000])
async def test_an_image_shows_how_long_its_health_check_is(
    image_world: DockerWorld, length: int
) -> None:
    """Docker repeats the command in its events, and names its parts besides."""
    reference = image_world.image_with_health_check(1, "x" * length)
    image = await image_world.host.image(ImageRef.parse(reference))

    assert image is not None
    assert length <= image.health_test_length < length + 100


async def test_a_missing_image_is_none(docker_world: DockerWorld) -> None:
    """Looking up an image that is not on the host returns None, not an error."""
    assert await docker_world.host.image(ImageRef.parse("galaxy/game:0.0.0-missing")) is None
    assert await docker_world.host.image(missing_image()) is None


@pytest.mark.parametrize(
    ("reference", "owner"), [(GOOD, (0, 0)), (BY_NUMBER, (4242, 4242)), (BY_NAME, (4243, 4243))]
)
async def test_the_owner_is_the_image_user(
    image_world: DockerWorld, reference: str, owner: tuple[int, int]
) -> None:
    """The owner is root by default; names are resolved by the image's own files."""
    image = await image_world.host.image(ImageRef.parse(reference))

    assert image is not None
    assert await image_world.host.image_owner(image) == owner


async def test_an_unknown_user_is_a_configuration_fault(image_world: DockerWorld) -> None:
    """An image that names a user it does not contain cannot be started."""
    image = await image_world.host.image(ImageRef.parse(image_world.image_without_its_user()))
    assert image is not None

    with pytest.raises(StartConfigInvalid, match=NO_SUCH_USER):
        await image_world.host.image_owner(image)


async def test_pull_brings_the_image_to_the_host(docker_world: DockerWorld) -> None:
    """A pulled image is found by its reference."""
    reference = docker_world.publish()
    assert await docker_world.host.image(ImageRef.parse(reference)) is None
    lines: list[str] = []

    pulled = await docker_world.host.pull(ImageRef.parse(reference), progress=lines.append)

    assert await docker_world.host.image(ImageRef.parse(reference)) == pulled
    assert lines
    assert reference in lines[0]


async def test_concurrent_pulls_of_one_reference_all_succeed(docker_world: DockerWorld) -> None:
    """Every concurrent caller gets the image."""
    reference = docker_world.publish()

    pulled = await asyncio.gather(
        *(
            docker_world.host.pull(ImageRef.parse(reference), progress=lambda _: None)
            for _ in range(5)
        )
    )

    assert len({image.id for image in pulled}) == 1


async def test_pull_of_a_missing_tag_fails(docker_world: DockerWorld) -> None:
    """The caller learns the kind of fault; the registry's own words are the error's detail."""
    reference = docker_world.publish().replace(":1.0.0", ":9.9.9")

    with pytest.raises(ImagePullFailed) as caught:
        await docker_world.host.pull(ImageRef.parse(reference), progress=lambda _: None)

    assert caught.value.message == PullFault.UNKNOWN_IMAGE
    assert "manifest unknown" in str(caught.value.detail)


async def test_pull_from_a_registry_that_is_down_fails(docker_world: DockerWorld) -> None:
    """An unreachable registry is a failed pull, not an unavailable Docker."""
    with pytest.raises(ImagePullFailed) as caught:
        await docker_world.host.pull(
            ImageRef.parse(docker_world.registry_fails()), progress=lambda _: None
        )

    assert caught.value.message == PullFault.UNREACHABLE
    assert "connection refused" in str(caught.value.detail)


async def test_an_image_is_not_found_by_the_beginning_of_its_id(docker_world: DockerWorld) -> None:
    """A name that is the beginning of an image's id is a name, not that image."""
    image = await docker_world.host.image(ImageRef.parse(GOOD))
    assert image is not None
    digits = image.id.removeprefix("sha256:")

    for length in (4, 12, 63):
        assert await docker_world.host.image(ImageRef.parse(digits[:length])) is None
