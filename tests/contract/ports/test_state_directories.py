"""What the state directories port promises, on the double and on the host's file system."""

import asyncio
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from rtmanager.adapters.filesystem.state_directories import FilesystemStateDirectories
from rtmanager.adapters.in_memory.state_directories import InMemoryStateDirectories
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.state_directories import StateDirectories

GAME = GameId("Andromeda.1_a-b")
OWNER = (4242, 4343)


class DirectoryWorld(Protocol):
    """State directories, and a view of what they made."""

    directories: StateDirectories

    def owner(self, path: str) -> tuple[int, int]:
        """Return who owns the directory."""

    def obstruct(self, path: str) -> None:
        """Put something that is no directory there."""


class MemoryDirectories:
    """The double."""

    def __init__(self) -> None:
        self._memory = InMemoryStateDirectories()
        self.directories: StateDirectories = self._memory

    def owner(self, path: str) -> tuple[int, int]:
        """Return who owns the directory."""
        directory = self._memory.directories[path]
        return directory.uid, directory.gid

    def obstruct(self, path: str) -> None:
        """Put something there."""
        self._memory.obstacles.add(path)


@dataclass
class RealDirectories:
    """The host's file system; needs root, as the service does."""

    root: Path

    def __post_init__(self) -> None:
        """Open the root."""
        self.directories: StateDirectories = FilesystemStateDirectories(str(self.root))

    def owner(self, path: str) -> tuple[int, int]:
        """Return who owns the directory."""
        found = Path(path).stat()
        return found.st_uid, found.st_gid

    def obstruct(self, path: str) -> None:
        """Put a file there."""
        Path(path).write_text("in the way")


@pytest.fixture
def real(state_root: Path) -> RealDirectories:
    """Return directories on the host."""
    return RealDirectories(state_root)


@pytest.fixture(params=["in memory", "filesystem"])
def world(request: pytest.FixtureRequest) -> DirectoryWorld:
    """Return each of the two in turn."""
    if request.param == "in memory":
        return MemoryDirectories()
    found: RealDirectories = request.getfixturevalue("real")
    return found


async def _prepare(directories: StateDirectories, owner: tuple[int, int] = OWNER) -> None:
    await directories.prepare(GAME, uid=owner[0], gid=owner[1])


def test_the_path_is_absolute_and_ends_in_the_game_id(world: DirectoryWorld) -> None:
    """One directory per game below the root."""
    path = Path(world.directories.path(GAME))

    assert path.is_absolute()
    assert path.name == GAME


async def test_a_missing_directory_is_made(world: DirectoryWorld) -> None:
    """It belongs to whom it should belong to."""
    await _prepare(world.directories)

    assert world.owner(world.directories.path(GAME)) == OWNER


async def test_an_existing_directory_gets_its_owner(world: DirectoryWorld) -> None:
    """A new image may run as another user."""
    await _prepare(world.directories, (1, 1))

    await _prepare(world.directories)

    assert world.owner(world.directories.path(GAME)) == OWNER


async def test_something_else_in_the_way_is_a_configuration_fault(world: DirectoryWorld) -> None:
    """The message names the path."""
    path = world.directories.path(GAME)
    world.obstruct(path)

    with pytest.raises(StartConfigInvalid, match=path):
        await _prepare(world.directories)


async def test_the_mode_is_the_configured_one(state_root: Path) -> None:
    """Whatever the umask and whatever it was before."""
    directories = FilesystemStateDirectories(str(state_root), mode=0o2770)
    (state_root / GAME).mkdir(mode=0o777)

    await _prepare(directories)

    assert stat.S_IMODE((state_root / GAME).stat().st_mode) == 0o2770


async def test_what_is_inside_is_not_touched(real: RealDirectories) -> None:
    """The state belongs to the engine."""
    inside = real.root / GAME / "turn.json"
    inside.parent.mkdir()
    inside.write_text("{}")
    before = inside.stat()

    await _prepare(real.directories)

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
    """A link at the place is refused, and what it points to keeps its owner and mode."""
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    target = {"absolute": victim, "relative": Path("../victim"), "dangling": tmp_path / "none"}
    (real.root / GAME).symlink_to(target[kind])

    with pytest.raises(StartConfigInvalid, match="symbolic link"):
        await _prepare(real.directories)

    assert real.owner(str(victim)) == (0, 0)
    assert not (tmp_path / "none").exists()


async def test_the_root_is_made_when_it_is_missing(tmp_path: Path) -> None:
    """A first start needs no preparation by hand."""
    directories = FilesystemStateDirectories(str(tmp_path / "a" / "b"))

    await _prepare(directories)

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
        await _prepare(directories)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc", "a\0b"])
async def test_the_root_is_never_left(real: RealDirectories, name: str) -> None:
    """Game ids are checked long before, yet this would not rely on it."""
    with pytest.raises(StartConfigInvalid):
        await real.directories.prepare(GameId(name), uid=1, gid=1)

    assert list(real.root.iterdir()) == []


async def test_many_at_once_make_one_directory(real: RealDirectories) -> None:
    """Two starts of one game may meet here."""
    await asyncio.gather(*(_prepare(real.directories) for _ in range(20)))

    assert real.owner(real.directories.path(GAME)) == OWNER
