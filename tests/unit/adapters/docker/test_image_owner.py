"""What is read of an image's files, which may be anything."""

import tarfile
from typing import Any, cast

import pytest

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.image_owner import FILE_LIMIT, MOST_KNOWN, ImageOwners, text_in
from rtmanager.domain.container import EngineImage, ImageId
from rtmanager.domain.errors import StartConfigInvalid

PASSWD = b"engine:x:4243:4243::/:\n"


def archive(content: bytes = PASSWD, *, kind: bytes = tarfile.REGTYPE, size: int = -1) -> bytes:
    """Return an archive of one entry, whose header may lie about the size."""
    member = tarfile.TarInfo("passwd")
    member.type, member.size = kind, len(content) if size < 0 else size
    padding = b"\0" * (-len(content) % tarfile.BLOCKSIZE)
    return member.tobuf(tarfile.GNU_FORMAT) + content + padding + b"\0" * 1024


class FilesRead:
    """A Docker whose images all have the same users."""

    def __init__(self) -> None:
        self.calls = 0

    async def call(self, work: Any, **_: Any) -> tuple[int, int]:  # noqa: ARG002 - as the client's
        """Count the images whose files are read."""
        self.calls += 1
        return 4243, 4243


def test_a_regular_file_is_read() -> None:
    """The text of the file is returned, whatever its bytes."""
    assert text_in(archive(), "/etc/passwd") == PASSWD.decode()
    assert text_in(archive(b"\xff" * FILE_LIMIT), "/etc/passwd") == "\ufffd" * FILE_LIMIT


@pytest.mark.parametrize(
    "kind",
    [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE],
)
def test_what_is_no_regular_file_is_empty(kind: bytes) -> None:
    """Pipes, devices, directories and links have no text."""
    assert text_in(archive(b"", kind=kind), "/etc/passwd") == ""


@pytest.mark.parametrize("size", [FILE_LIMIT + 1, 2 << 20, 8 << 40])
def test_a_file_that_is_too_large_is_not_read(size: int) -> None:
    """The size in the header is enough, so a file full of holes costs nothing."""
    with pytest.raises(StartConfigInvalid, match=f"/etc/passwd .* {size} bytes"):
        text_in(archive(size=size), "/etc/passwd")


@pytest.mark.parametrize(
    "torn",
    [b"", b"no archive", archive()[:100], archive()[:520], archive(size=2000)[:700], b"\x1b" * 600],
    ids=["empty", "text", "half a header", "cut", "short", "control characters"],
)
def test_a_malformed_archive_is_a_configuration_fault(torn: bytes) -> None:
    """It is an error of the image, in a message that is short and printable."""
    with pytest.raises(StartConfigInvalid, match="/etc/passwd in the image") as refused:
        text_in(torn, "/etc/passwd")

    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 200


async def test_only_the_owners_used_last_are_kept() -> None:
    """New images appear for as long as the process lives; the one in use is not forgotten."""
    files = FilesRead()
    owners = ImageOwners(cast("DockerClient", files))
    images = [
        EngineImage(id=ImageId(f"sha256:{number}"), labels={}, user="engine")
        for number in range(MOST_KNOWN + 1)
    ]

    for image in images:
        assert await owners.owner(image) == (4243, 4243)
        await owners.owner(images[0])
    await owners.owner(images[1])

    assert files.calls == MOST_KNOWN + 2
