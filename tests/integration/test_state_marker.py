"""The marker of shared storage, among replicas with their own view of it."""

import logging
import stat
from pathlib import Path

import pytest

from rtmanager.adapters.filesystem import FilesystemStateDirectories
from rtmanager.adapters.state_marker import PREFIX
from rtmanager.domain.errors import ServiceUnavailable, StartConfigInvalid
from tests.contract.ports.directory_worlds import GAME, OneToken


def markers(root: Path) -> list[Path]:
    """Return the markers in a state root."""
    return list(root.glob(f"{PREFIX}*"))


async def test_the_first_replica_makes_the_marker_and_others_find_it(tmp_path: Path) -> None:
    """The marker is made once, and nobody can write to it."""
    token = OneToken()
    first, second = (
        FilesystemStateDirectories(str(tmp_path / "games"), token=token) for _ in range(2)
    )

    await first.open()
    await second.open()

    (marker,) = markers(tmp_path / "games")
    assert stat.S_IMODE(marker.stat().st_mode) == 0o444
    assert await second.prepare(GAME, uid=1, gid=1) == str(marker)


async def test_a_replica_without_the_storage_starts_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It neither makes a second marker nor a missing root, and says which file is missing."""
    token = OneToken()
    await FilesystemStateDirectories(str(tmp_path / "shared"), token=token).open()
    (marker,) = markers(tmp_path / "shared")
    elsewhere = FilesystemStateDirectories(str(tmp_path / "own"), token=token)

    with caplog.at_level(logging.ERROR):
        await elsewhere.open()

    assert [each.message for each in caplog.records] == ["state_root_not_shared"]
    with pytest.raises(StartConfigInvalid):
        await elsewhere.prepare(GAME, uid=1, gid=1)
    assert not (tmp_path / "own").exists()
    (tmp_path / "own").mkdir()
    with pytest.raises(StartConfigInvalid, match=f"touch {tmp_path}/own/{marker.name}"):
        await elsewhere.prepare(GAME, uid=1, gid=1)


async def test_a_restored_storage_is_accepted_with_its_marker(tmp_path: Path) -> None:
    """What the message says to do is enough."""
    directories = FilesystemStateDirectories(str(tmp_path), token=OneToken())
    await directories.open()
    (marker,) = markers(tmp_path)
    marker.unlink()
    with pytest.raises(StartConfigInvalid):
        await directories.prepare(GAME, uid=1, gid=1)
    marker.touch()

    assert await directories.prepare(GAME, uid=1, gid=1) == str(marker)


async def test_of_two_first_replicas_one_wins(tmp_path: Path) -> None:
    """Whose claim came second has no valid marker on its own storage, and leaves no file there."""
    token = OneToken()
    slow = OneToken()  # has read before the other one claimed
    await FilesystemStateDirectories(str(tmp_path / "first"), token=token).open()
    slow.claim = token.claim  # type: ignore[method-assign] # the same row
    second = FilesystemStateDirectories(str(tmp_path / "second"), token=slow)

    await second.open()

    assert markers(tmp_path / "second") == []
    with pytest.raises(StartConfigInvalid, match=markers(tmp_path / "first")[0].name):
        await second.prepare(GAME, uid=1, gid=1)


async def test_a_lost_claim_locks_nobody_out(tmp_path: Path) -> None:
    """A replica that ended between its file and its claim leaves a file that means nothing."""
    token = OneToken(faults=[ServiceUnavailable()])
    directories = FilesystemStateDirectories(str(tmp_path), token=token)
    with pytest.raises(ServiceUnavailable):
        await directories.open()

    marker = await directories.prepare(GAME, uid=1, gid=1)

    assert marker is not None
    assert marker.endswith(f"{PREFIX}{token.token}")
    assert len(markers(tmp_path)) == 2


async def test_a_root_that_cannot_have_a_marker_is_a_configuration_fault(tmp_path: Path) -> None:
    """Nothing is claimed for a file that could not be made."""
    (tmp_path / "file").write_text("")
    token = OneToken()
    directories = FilesystemStateDirectories(str(tmp_path / "file"), token=token)

    with pytest.raises(StartConfigInvalid, match="cannot be made"):
        await directories.prepare(GAME, uid=1, gid=1)

    assert token.token is None
