"""Pulling images, with one shared pull per image, and reporting the progress."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from docker.auth import encode_header
from docker.errors import StreamParseError

from rtmanager.adapters.docker import docker_json, errors
from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.adapters.docker.pull_progress import PullProgress
from rtmanager.domain.container import EngineImage
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import ImagePullFailed

PULLS_PER_REGISTRY = 12
"""A registry that never finishes sending keeps only pulls from itself waiting."""

Listener = Callable[[str], None]

_CHUNK = 64 * 1024
_LONGEST_LINE = 256 * 1024
_SECONDS_BETWEEN_LINES = 1.0


@dataclass
class _SharedPull:
    """A running pull and its listeners."""

    listeners: list[Listener] = field(default_factory=list)
    task: "asyncio.Task[EngineImage] | None" = None

    def report(self, line: str) -> None:
        for listener in self.listeners:
            listener(line)


class ImagePulls:
    """Runs one pull per image at a time, however its reference is spelled, and a few per registry.

    Docker itself downloads three layers at a time (its `max-concurrent-downloads`), so a registry
    that sends them slowly can keep other pulls waiting in Docker, up to these limits.
    """

    def __init__(self, client: DockerClient, credentials: RegistryCredentials) -> None:
        self._client = client
        self._credentials = credentials
        self._under_way: dict[str, _SharedPull] = {}
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def pull(self, image: ImageRef, progress: Listener) -> EngineImage:
        """Pull the image, or join the running pull of it.

        When a caller is cancelled the pull continues, even without other callers, since the image
        will be requested again.
        """
        shared = self._under_way.setdefault(image.normalized, _SharedPull())
        shared.listeners.append(progress)
        if shared.task is None:
            work = self._pull_once(image.normalized, image, shared)
            shared.task = asyncio.create_task(work, name=f"pull {image.normalized}")
            shared.task.add_done_callback(_retrieve)
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.listeners.remove(progress)

    async def _pull_once(self, name: str, image: ImageRef, shared: _SharedPull) -> EngineImage:
        loop = asyncio.get_running_loop()

        def report(line: str) -> None:
            loop.call_soon_threadsafe(shared.report, line)

        try:
            async with self._turn(image.host):
                # This notices a frozen Docker within an ordinary deadline.
                await self._client.call(lambda api: api.ping())
                await self._client.pull(lambda api: self._stream(api, image, report))
            return await self._client.call(
                lambda api: docker_json.image(api.inspect_image(image.normalized)),
                refused=errors.pull_refused,
            )
        finally:
            del self._under_way[name]

    @asynccontextmanager
    async def _turn(self, registry: str) -> AsyncIterator[None]:
        """Wait for a slot among the pulls from the registry, and hold it for the block."""
        turns = self._turns.setdefault(registry, asyncio.Semaphore(PULLS_PER_REGISTRY))
        try:
            async with asyncio.timeout(self._client.pull_stall):
                await turns.acquire()
        except TimeoutError:
            raise ImagePullFailed(
                f"too many pulls from {registry} are under way: none ended within "
                f"{self._client.pull_stall:g} s"
            ) from None
        try:
            yield
        finally:
            turns.release()

    def _stream(self, api: Any, image: ImageRef, report: Listener) -> None:
        """Pull as the SDK does, which would read messages of any length.

        Docker gives up a download when its caller closes the connection.
        """
        until = time.monotonic() + self._client.pull_timeout
        credentials = encode_header(self._credentials.for_registry(image.host))
        with api.post(
            f"{api.base_url}/v{api.api_version}/images/create",
            params={"fromImage": image.repository, "tag": image.digest or image.tag or "latest"},
            headers={"X-Registry-Auth": credentials},
            stream=True,
        ) as response:
            api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
            chunks = response.iter_content(_CHUNK)
            follow(read_messages(self._within_limit(chunks, until)), image.text, report)

    def _within_limit(self, chunks: Iterable[bytes], until: float) -> Iterator[bytes]:
        """Pass on what is read, up to the total limit; without any, the stall limit ends the pull.

        Raises ImagePullFailed.
        """
        for chunk in chunks:
            if time.monotonic() > until:
                raise ImagePullFailed(
                    f"the pull was not complete after {self._client.pull_timeout:g} s and was "
                    "given up"
                )
            yield chunk


def _retrieve(task: "asyncio.Task[EngineImage]") -> None:
    """Retrieve the result, so that asyncio does not warn when no caller is left."""
    if not task.cancelled():
        task.exception()


def read_messages(chunks: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    """Read the lines of a pull's answer, each a message in JSON.

    Raises ImagePullFailed for a line that is too long, which can only quote a registry, and
    StreamParseError for one that is no JSON.
    """
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        *lines, rest = buffer.split(b"\n")
        yield from map(_message, filter(bytes.strip, map(bytes, lines)))
        buffer = bytearray(rest)
        if len(buffer) > _LONGEST_LINE:
            raise errors.pull_failed(buffer.decode(errors="replace"))
    if buffer.strip():
        yield _message(bytes(buffer))


def _message(line: bytes) -> Mapping[str, Any]:
    try:
        return dict(json.loads(line))
    except (ValueError, TypeError) as error:
        raise StreamParseError(str(error)) from error


def follow(
    messages: Iterable[Mapping[str, Any]],
    reference: str,
    progress: Listener,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Read a pull's messages to the end and report progress, in a line per second and a last one.

    Raises ImagePullFailed for any error among them, which Docker sends with status 200, and when
    the final status is missing: then the stream was cut off, and the tag may refer to an older
    image.
    """
    pull = PullProgress(reference)
    is_complete = False
    last_line, last_time = "", float("-inf")
    for message in messages:
        _raise_error(message)
        pull.note(message)
        is_complete = is_complete or str(message.get("status", "")).startswith("Status: ")
        if now() - last_time >= _SECONDS_BETWEEN_LINES and pull.line != last_line:
            last_line, last_time = pull.line, now()
            progress(last_line)
    if not is_complete:
        raise ImagePullFailed("Docker ended the pull without a final status")
    progress(pull.last_line)


def _raise_error(message: Mapping[str, Any]) -> None:
    detail = message.get("errorDetail") or {}
    reason = message.get("error") or detail.get("message") or detail
    if reason:
        raise errors.pull_failed(str(reason))
