"""Which user an image's engine runs as, according to the image's files."""

import io
import secrets
import tarfile
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from docker.errors import APIError, NotFound

from rtmanager.adapters.docker import errors
from rtmanager.adapters.docker.client import Bulkhead, DockerClient
from rtmanager.adapters.image_user import numeric_owner, owner_from_files
from rtmanager.domain.container import KIND_LABEL, OWNER, OWNER_LABEL, EngineImage, ImageId

KIND = "image-inspection"
_LABELS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}
_ARCHIVE_LIMIT = 1 << 20
_LEFTOVER_SECONDS = 300


class ImageOwners:
    """Finds the numeric user and group of images, and caches them, since images never change."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._known: dict[ImageId, tuple[int, int]] = {}

    async def owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the user and group that the image's engine runs as."""
        owner = self._known.get(image.id) or numeric_owner(image.user)
        if owner is None:
            passwd, group = await self._client.call(
                lambda api: _user_files(api, image.id),
                bulkhead=Bulkhead.CHANGE,
                refused=errors.create_refused,
            )
            owner = owner_from_files(image.user, passwd, group)
        self._known[image.id] = owner
        return owner


def _user_files(api: Any, image: ImageId) -> tuple[str, str]:
    """Read /etc/passwd and /etc/group from a container of the image, which is never started.

    All in one thread, so that a cancellation cannot leave the container behind.
    """
    _remove_leftovers(api)
    short = image.removeprefix("sha256:")[:12]
    container = api.create_container(
        image,
        command=["never-started"],  # without one, Docker refuses an image that has no command
        name=f"galaxy-inspect-{short}-{secrets.token_hex(4)}",
        labels=_LABELS,
        host_config=api.create_host_config(network_mode="none"),
        use_config_proxy=False,
    )["Id"]
    try:
        return _text_file(api, container, "/etc/passwd"), _text_file(api, container, "/etc/group")
    finally:
        _remove(api, container)


def _remove_leftovers(api: Any) -> None:
    """Remove the containers of processes that were killed while reading."""
    labels = [f"{name}={value}" for name, value in _LABELS.items()]
    for entry in api.containers(all=True, filters={"label": labels}):
        if entry["Created"] < time.time() - _LEFTOVER_SECONDS:
            _remove(api, entry["Id"])


def _remove(api: Any, container: str) -> None:
    # It may be gone, or another process removes it; if not, it is removed as a leftover later.
    with suppress(APIError):
        api.remove_container(container, force=True, v=True)


def _text_file(api: Any, container: str, path: str) -> str:
    """Return a file of the container; empty when it is missing or not a regular file."""
    try:
        chunks, _ = api.get_archive(container, path)
    except NotFound:
        return ""
    with tarfile.open(fileobj=io.BytesIO(_bounded(chunks))) as archive:
        member = archive.next()
        content = archive.extractfile(member) if member and member.isfile() else None
        return content.read().decode(errors="replace") if content else ""


def _bounded(chunks: Iterable[bytes]) -> bytes:
    archive = bytearray()
    for chunk in chunks:
        archive += chunk
        if len(archive) > _ARCHIVE_LIMIT:
            break
    return bytes(archive[:_ARCHIVE_LIMIT])
