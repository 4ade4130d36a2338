"""Pulling images: shared by all who want the same one."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from rtmanager.adapters.docker import container_views, errors, pull_progress
from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.domain.container import EngineImage
from rtmanager.domain.image_ref import ImageRef

Listener = Callable[[str], None]


@dataclass
class _Flight:
    """A pull under way and those who watch it."""

    listeners: list[Listener] = field(default_factory=list)
    task: "asyncio.Task[EngineImage] | None" = None

    def tell(self, line: str) -> None:
        for listener in self.listeners:
            listener(line)


class ImagePulls:
    """Pulls each image once at a time, however its reference is spelled."""

    def __init__(self, client: DockerClient, credentials: RegistryCredentials) -> None:
        self._client = client
        self._credentials = credentials
        self._flights: dict[str, _Flight] = {}

    async def pull(self, image: ImageRef, progress: Listener) -> EngineImage:
        """Pull the image, or join the pull of it that is under way.

        Whoever stops waiting leaves the pull to the others; it goes on even for nobody, since the
        image will be asked for again.
        """
        flight = self._flights.setdefault(image.normalized, _Flight())
        flight.listeners.append(progress)
        if flight.task is None:
            fly = self._fly(image.normalized, image, flight)
            flight.task = asyncio.create_task(fly, name=f"pull {image.normalized}")
            flight.task.add_done_callback(_retrieve)
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.listeners.remove(progress)

    async def _fly(self, name: str, image: ImageRef, flight: _Flight) -> EngineImage:
        loop = asyncio.get_running_loop()

        def say(line: str) -> None:
            loop.call_soon_threadsafe(flight.tell, line)

        try:
            # A frozen Docker is found out here, within an ordinary deadline.
            await self._client.call(lambda api: api.ping())
            await self._client.pull(lambda api: self._pull(api, image, say))
            return await self._client.call(
                lambda api: container_views.image(api.inspect_image(lookup_name(image))),
                refused=errors.pull_refused,
            )
        finally:
            del self._flights[name]

    def _pull(self, api: Any, image: ImageRef, say: Listener) -> None:
        stream = api.pull(
            image.name,
            tag=image.digest or image.tag or "latest",
            stream=True,
            decode=True,
            auth_config=self._credentials.for_image(image.name),
        )
        with closing(stream):
            pull_progress.follow(stream, image.text, say)


def _retrieve(task: "asyncio.Task[EngineImage]") -> None:
    """Take the result, for nobody may be waiting for it any more."""
    if not task.cancelled():
        task.exception()


def lookup_name(image: ImageRef) -> str:
    """Return the name under which Docker finds the image: the digest alone when there is one."""
    return f"{image.name}@{image.digest}" if image.digest else image.text
