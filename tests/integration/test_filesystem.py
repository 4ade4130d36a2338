"""What state directories on the host's file system do beyond their port."""

import asyncio
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtmanager.adapters.filesystem import FilesystemStateDirectories, Preparation
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId
from tests.contract.ports.directory_worlds import (
    DEADLINE,
    GAME,
    OWNER,
    RealDirectories,
    prepare,
    real_directories,
)


@pytest.fixture
def real(state_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealDirectories]:
    """Return directories on the host."""
    with real_directories(state_root, monkeypatch) as directories:
        yield directories


async def test_trap_state_directory_vanished_with_its_root(tmp_path: Path) -> None:
    """A missing root is not created again for a game whose state it held."""
    directories = FilesystemStateDirectories(str(tmp_path / "root"))
    known = directories.path(GAME)

    with pytest.raises(StartConfigInvalid, match=f"{known}.* does not exist"):
        await directories.prepare(GAME, uid=1, gid=1, known_path=known)

    assert not (tmp_path / "root").exists()


async def test_a_root_that_moved_behind_a_link_still_holds_the_state(tmp_path: Path) -> None:
    """The same directory under another name is accepted."""
    (tmp_path / "disk" / GAME).mkdir(parents=True)
    (tmp_path / "root").symlink_to(tmp_path / "disk")
    directories = FilesystemStateDirectories(str(tmp_path / "root"))

    await directories.prepare(GAME, uid=1, gid=1, known_path=str(tmp_path / "root" / GAME))

    assert (tmp_path / "disk" / GAME).stat().st_uid == 1


async def test_trap_hung_state_directory_leaves_names_resolved(real: RealDirectories) -> None:
    """Hung directories do not occupy the event loop's own threads, which resolve host names."""
    real.hang(real.directories.path(GAME))
    hung = [asyncio.create_task(prepare(real.directories)) for _ in range(64)]
    await asyncio.wait(hung, timeout=DEADLINE / 3)

    async with asyncio.timeout(5):
        assert await asyncio.get_running_loop().getaddrinfo(
            "localhost", 80, type=socket.SOCK_STREAM
        )
    refused = await asyncio.gather(*hung, return_exceptions=True)
    assert {type(each) for each in refused} == {StartConfigInvalid}


def test_preparation_past_its_time_changes_nothing_more(state_root: Path) -> None:
    """A preparation that resumes after its deadline changes nothing, as others may work there."""
    times = iter((0.0, 0.0, 0.0, 2.0))  # the last one after the change of owner
    late = Preparation(
        root=state_root,
        game_id=GAME,
        owner=OWNER,
        mode=0o750,
        known_path=None,
        until=1.0,
        monotonic=lambda: next(times),
    )

    with pytest.raises(TimeoutError):
        late.run()
    assert stat.S_IMODE((state_root / GAME).stat().st_mode) == 0o700


async def test_the_mode_is_the_configured_one(state_root: Path) -> None:
    """The directory gets the configured mode, whatever the umask or its previous mode."""
    directories = FilesystemStateDirectories(str(state_root), mode=0o2770)
    (state_root / GAME).mkdir(mode=0o777)

    await prepare(directories)

    assert stat.S_IMODE((state_root / GAME).stat().st_mode) == 0o2770


async def test_what_is_inside_is_not_touched(real: RealDirectories) -> None:
    """The contents belong to the engine and stay unchanged."""
    inside = real.root / GAME / "turn.json"
    inside.parent.mkdir()
    inside.write_text("{}")
    before = inside.stat()

    await prepare(real.directories)

    after = inside.stat()
    assert (after.st_uid, after.st_mode, after.st_mtime_ns) == (
        before.st_uid,
        before.st_mode,
        before.st_mtime_ns,
    )


@pytest.mark.parametrize("kind", ["absolute", "relative", "dangling"])
async def test_a_symbolic_link_is_never_followed(
    real: RealDirectories, tmp_path: Path, kind: str
) -> None:
    """A link in its place is refused, and its target keeps owner and mode."""
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    target = {"absolute": victim, "relative": Path("../victim"), "dangling": tmp_path / "none"}
    (real.root / GAME).symlink_to(target[kind])

    with pytest.raises(StartConfigInvalid, match="symbolic link"):
        await prepare(real.directories)

    assert real.owner(str(victim)) == (0, 0)
    assert not (tmp_path / "none").exists()


async def test_the_root_is_made_when_it_is_missing(tmp_path: Path) -> None:
    """A first start needs no manual preparation."""
    directories = FilesystemStateDirectories(str(tmp_path / "a" / "b"))

    await prepare(directories)

    assert (tmp_path / "a" / "b" / GAME).is_dir()


async def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    """An operator may put the state on another disk; the link is resolved once."""
    disk = tmp_path / "disk"
    disk.mkdir()
    link = tmp_path / "root"
    link.symlink_to(disk)

    directories = FilesystemStateDirectories(str(link))

    assert directories.path(GAME) == str(disk / GAME)


async def test_a_root_that_cannot_be_made_is_a_configuration_fault(tmp_path: Path) -> None:
    """The message names the root."""
    (tmp_path / "file").write_text("in the way")
    directories = FilesystemStateDirectories(str(tmp_path / "file" / "root"))

    with pytest.raises(StartConfigInvalid, match="state root"):
        await prepare(directories)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc", "a\0b"])
async def test_no_directory_is_made_outside_the_root(real: RealDirectories, name: str) -> None:
    """The directories refuse an id that leaves the root, though ids are checked earlier."""
    with pytest.raises(StartConfigInvalid):
        await real.directories.prepare(GameId(name), uid=1, gid=1)

    assert list(real.root.iterdir()) == []


async def test_many_at_once_make_one_directory(real: RealDirectories) -> None:
    """Concurrent starts of one game may prepare its directory at once."""
    await asyncio.gather(*(prepare(real.directories) for _ in range(20)))

    assert real.owner(real.directories.path(GAME)) == OWNER
