"""The credentials with which nodes pull: those of the moment of a create or a start."""

import json
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.adapters.in_memory.swarm_api import InMemorySwarmApi
from rtmanager.adapters.in_memory.swarm_outputs import InMemoryImages
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.swarm.pinned_images import PinnedImages
from rtmanager.domain.container import ImageId
from tests.contract.ports.docker_fixtures import created
from tests.contract.ports.memory_swarms import MemorySwarmWorld

PINNED = ImageId(f"registry.test:5000/galaxy/game@sha256:{'2' * 64}")


def images(config_file: Path) -> PinnedImages:
    """Return images of no manager, with the credentials of a Docker config file."""
    return PinnedImages(Managers([], timeout=1), RegistryCredentials(str(config_file)))


async def test_those_of_the_image_s_registry_are_found(tmp_path: Path) -> None:
    """In the form that Docker's API takes."""
    config = tmp_path / "config.json"
    login = {"registry.test:5000": {"auth": "Z2FsYXh5OmxhdW5jaA=="}}
    config.write_text(json.dumps({"auths": login}))

    found = await images(config).credentials(PINNED)

    assert found is not None
    assert json.loads(urlsafe_b64decode(found))["password"] == "launch"


@pytest.mark.parametrize("content", ["{}", "no JSON"])
async def test_without_any_there_are_none(tmp_path: Path, content: str) -> None:
    """Also of a file that cannot be read: the node may have the image."""
    config = tmp_path / "config.json"
    config.write_text(content)

    assert await images(config).credentials(PINNED) is None
    assert await images(config).credentials(ImageId("sha256:1")) is None


async def test_a_start_sends_those_of_its_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of a registry may have expired since the container was created."""
    world = MemorySwarmWorld(str(tmp_path))
    container_id = await created(world)
    sent: list[str | None] = []
    update = InMemorySwarmApi.update_service

    async def sending(self: InMemorySwarmApi, *about: object, credentials: str | None) -> None:
        sent.append(credentials)
        await update(self, *about, credentials=credentials)  # type: ignore[arg-type]

    async def now(_self: InMemoryImages, _image: ImageId) -> str:
        return "of now"

    monkeypatch.setattr(InMemorySwarmApi, "update_service", sending)
    monkeypatch.setattr(InMemoryImages, "credentials", now)
    await world.host.start(container_id)

    assert sent == ["of now"]
