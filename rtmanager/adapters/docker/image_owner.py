"""Which user an image's engine runs as, according to the image's files."""

import io
import secrets
import tarfile
import time
from contextlib import suppress
from typing import Any

from docker.errors import APIError, NotFound

from rtmanager.adapters.docker import errors
from rtmanager.adapters.docker.client import Bulkhead, DockerClient
from rtmanager.adapters.image_user import numeric_owner, owner_from_files
from rtmanager.domain.container import KIND_LABEL, OWNER, OWNER_LABEL, EngineImage, ImageId
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.texts import quoted

KIND = "image-inspection"
_LABELS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}
FILE_LIMIT = 256 * 1024
"""Enough for thousands of users."""
_ARCHIVE_LIMIT = FILE_LIMIT + 64 * 1024
"""What precedes the file in the archive: its header, and what extends that."""
_CHUNK = 16 * 1024
_LEFTOVER_SECONDS = 300
MOST_KNOWN = 1_000
"""Images whose owner is kept: far more than run at a time."""


class ImageOwners:
    """Finds the numeric user and group of images, and caches them, since images never change.

    Only those used last are kept: new images appear for as long as the process lives.
    """

    def __init__(self, client: DockerClient) -> None:
        self._client = client
        self._known: dict[ImageId, tuple[int, int]] = {}

    async def owner(self, image: EngineImage) -> tuple[int, int]:
        """Return the user and group that the image's engine runs as."""
        owner = self._known.pop(image.id, None) or numeric_owner(image.user)
        if owner is None:
            owner = await self._client.call(
                # Searching the files takes time too, so it is part of the work in the thread.
                lambda api: owner_from_files(image.user, *_user_files(api, image.id)),
                bulkhead=Bulkhead.CHANGE,
                refused=errors.create_refused,
            )
        self._known[image.id] = owner
        if len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
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
    """Return a file of the container; empty when it is missing or not a regular file.

    Raises StartConfigInvalid when it cannot be read, as Docker has just made the container.
    """
    try:
        archive = _start_of_archive(api, container, path)
    except NotFound:
        return ""
    except APIError as error:
        raise _unreadable(path, error) from error
    return text_in(archive, path)


def text_in(archive: bytes, path: str) -> str:
    """Return the text of a tar archive's first entry; empty when that is not a regular file.

    Raises StartConfigInvalid when the file is too large or the archive is malformed.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            member = opened.next()
            if member is None or not member.isfile():
                return ""
            if member.size > FILE_LIMIT:
                raise StartConfigInvalid(
                    f"{path} in the image has {member.size} bytes; at most {FILE_LIMIT} are read"
                )
            content = opened.extractfile(member)
            return content.read().decode(errors="replace") if content else ""
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> StartConfigInvalid:
    reason = getattr(error, "explanation", None) or error
    return StartConfigInvalid(f"{path} in the image cannot be read: {quoted(str(reason))}")


def _start_of_archive(api: Any, container: str, path: str) -> bytes:
    """Return the beginning of a tar archive with the file, as much as is needed.

    The SDK's method leaves the rest of the answer on the connection, which then stays open.
    """
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    archive, until = bytearray(), time.monotonic() + api.timeout
    with api.get(url, params={"path": path}, stream=True, timeout=api.timeout) as response:
        api._raise_for_status(response)  # noqa: SLF001 - as the SDK reads an error answer
        for chunk in response.iter_content(_CHUNK):
            archive += chunk
            if len(archive) > _ARCHIVE_LIMIT:
                break
            if time.monotonic() > until:
                raise StartConfigInvalid(
                    f"{path} in the image was not read within {api.timeout:g} s"
                )
    return bytes(archive[:_ARCHIVE_LIMIT])
