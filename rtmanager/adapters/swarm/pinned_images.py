"""Images as any node of a Swarm finds them: pinned by digest, read where a manager has them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from docker.auth import encode_header

from rtmanager.adapters.docker import docker_json, errors
from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.adapters.docker.image_owner import ImageOwners
from rtmanager.adapters.docker.image_pulls import ImagePulls
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.threads import Threads
from rtmanager.domain.container import EngineImage, ImageId
from rtmanager.domain.errors import ImagePullFailed, StartConfigInvalid
from rtmanager.domain.image_ref import ImageRef

_READERS = 8


class PinnedImages:
    """Images of whichever manager answers; another one pulls a digest that it lacks."""

    def __init__(self, managers: Managers, credentials: RegistryCredentials) -> None:
        self._managers = managers
        self._credentials = credentials
        self._threads = Threads("registry-credentials", _READERS)
        self._pulls = {one: ImagePulls(one, credentials) for one in managers.clients}
        self._owners = {one: ImageOwners(one) for one in managers.clients}

    async def image(self, reference: ImageRef | ImageId) -> EngineImage | None:
        """Return the image with this reference or pin; one that is pinned by digest is pulled."""
        # Docker takes an incomplete name for the beginning of an image id if there is no such name.
        name = reference.normalized if isinstance(reference, ImageRef) else reference
        try:
            return await self._managers.ask(lambda one: _inspected(one, name))
        except errors.ImageGone:
            pass
        return await self._again(reference) if isinstance(reference, str) else None

    async def pull(self, reference: ImageRef, *, progress: Callable[[str], None]) -> EngineImage:
        """Pull the image on a manager and return it, pinned."""

        async def pulled(one: DockerClient) -> EngineImage:
            await self._pulls[one].pull(reference, progress)
            return await _inspected(one, reference.normalized)

        return await self._managers.ask(pulled)

    async def image_owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the numeric user and group that the image's engine runs as."""
        return await self._managers.ask(lambda one: self._owners[one].owner(image))

    async def credentials(self, image: ImageId) -> str | None:
        """Return the credentials for the registry of the image; None of one that has none.

        Nor when they cannot be read: a node that has the image needs none, another one reports it.
        """
        if "@" not in image:
            return None
        host = ImageRef.parse(image).host
        try:
            found = await self._threads.run(lambda: self._credentials.for_registry(host))
        except ImagePullFailed:
            return None
        return _encoded(found) if found else None

    async def _again(self, image: ImageId) -> EngineImage | None:
        """Pull an image by its digest; None when it is pinned by its id or cannot be pulled."""
        try:
            return await self.pull(ImageRef.parse(image), progress=_ignored)
        except (ImagePullFailed, StartConfigInvalid):
            return None


async def _inspected(client: DockerClient, name: str) -> EngineImage:
    """Return an image of this manager. Raises ImageGone."""
    answer = await client.call(lambda api: api.inspect_image(name))
    return replace(docker_json.image(answer), id=pin(answer, name))


def pin(answer: Mapping[str, Any], name: str) -> ImageId:
    """Return the digest in the repository that was asked for, else any, else the image's id.

    An image that no registry has is found by its id on those nodes that have it.
    """
    digests = [str(each) for each in answer.get("RepoDigests") or ()]
    same = (each for each in digests if _repository(each) == _repository(name))
    return ImageId(next(same, digests[0] if digests else str(answer["Id"])))


def _repository(name: str) -> str | None:
    """Return the repository however it is spelled; None of an image's id."""
    try:
        return ImageRef.parse(name).repository
    except StartConfigInvalid:
        return None


def _encoded(found: Mapping[str, Any]) -> str:
    return bytes(encode_header(dict(found))).decode()


def _ignored(_line: str) -> None:
    """Show nobody how far it is."""
