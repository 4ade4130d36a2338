"""The state directories port, on the double and on the host's file system."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.state_directories import DiskUse
from tests.contract.ports.directory_worlds import (
    DEADLINE,
    GAME,
    OWNER,
    DirectoryWorld,
    MemoryDirectories,
    prepare,
    real_directories,
)


@pytest.fixture(params=["in memory", "filesystem"])
def world(
    request: pytest.FixtureRequest, state_root: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DirectoryWorld]:
    """Return each of the two kinds in turn."""
    with ExitStack() as stack:
        if request.param == "in memory":
            yield MemoryDirectories()
        else:
            yield stack.enter_context(real_directories(state_root, monkeypatch))


def test_the_path_is_absolute_and_ends_in_the_game_id(world: DirectoryWorld) -> None:
    """Each game has one directory below the root."""
    path = Path(world.directories.path(GAME))

    assert path.is_absolute()
    assert path.name == GAME


async def test_a_missing_directory_is_made(world: DirectoryWorld) -> None:
    """A missing directory is created with the given owner."""
    await prepare(world.directories)

    assert world.owner(world.directories.path(GAME)) == OWNER


async def test_an_existing_directory_gets_its_owner(world: DirectoryWorld) -> None:
    """An existing directory changes its owner, as a new image may have another user."""
    await prepare(world.directories, (1, 1))

    await prepare(world.directories)

    assert world.owner(world.directories.path(GAME)) == OWNER


async def test_something_else_in_the_way_is_a_configuration_fault(world: DirectoryWorld) -> None:
    """Something other than a directory in its place is refused by its path."""
    path = world.directories.path(GAME)
    world.obstruct(path)

    with pytest.raises(StartConfigInvalid, match=path):
        await prepare(world.directories)


async def test_a_known_directory_gets_its_owner(world: DirectoryWorld) -> None:
    """A game with a history keeps the directory that holds its state."""
    await prepare(world.directories, (1, 1))
    known = world.directories.path(GAME)

    await world.directories.prepare(GAME, uid=OWNER[0], gid=OWNER[1], known_path=known)

    assert world.owner(known) == OWNER


async def test_trap_state_directory_vanished(world: DirectoryWorld) -> None:
    """A known directory that is missing is never replaced by an empty one."""
    await prepare(world.directories)
    known = world.directories.path(GAME)
    world.vanish(known)

    with pytest.raises(StartConfigInvalid, match=f"{known}.* does not exist"):
        await world.directories.prepare(GAME, uid=1, gid=1, known_path=known)

    assert world.paths() == []


async def test_trap_state_directory_vanished_to_another_root(world: DirectoryWorld) -> None:
    """After a change of root the error names both the state and the place it would have now."""
    here = world.directories.path(GAME)

    with pytest.raises(StartConfigInvalid, match=f"is in /elsewhere/{GAME}.* would now be {here}"):
        await world.directories.prepare(GAME, uid=1, gid=1, known_path=f"/elsewhere/{GAME}")

    assert world.paths() == []


async def test_trap_hung_state_directory(world: DirectoryWorld) -> None:
    """A hung file system is reported as a configuration fault within the deadline."""
    path = world.directories.path(GAME)
    world.hang(path)

    with pytest.raises(StartConfigInvalid, match=rf"{path} did not answer within {DEADLINE} s"):
        await asyncio.wait_for(prepare(world.directories), timeout=5)


async def test_a_missing_directory_occupies_nothing(world: DirectoryWorld) -> None:
    """A game without a directory has written nothing."""
    assert await world.directories.disk_use(GAME) == DiskUse(0)


async def test_what_is_written_is_counted(world: DirectoryWorld) -> None:
    """The size is that of everything in the directory; a disk adds a few blocks of its own."""
    await prepare(world.directories)
    path = world.directories.path(GAME)
    for size in (1 << 20, 2 << 20):
        world.fill(path, size)

    use = await world.directories.disk_use(GAME)

    assert use.is_complete
    assert 3 << 20 <= use.size <= (3 << 20) + (64 << 10)


async def test_a_hung_directory_is_not_counted(world: DirectoryWorld) -> None:
    """The caller gets an answer within the deadline, and learns that it is incomplete."""
    await prepare(world.directories)
    world.hang(world.directories.path(GAME))

    assert await asyncio.wait_for(world.directories.disk_use(GAME), timeout=5) == DiskUse(
        0, is_complete=False
    )


async def test_a_single_host_needs_no_marker(world: DirectoryWorld) -> None:
    """Nothing has to prove that the root of a single host is the same everywhere."""
    assert await world.directories.prepare(GAME, uid=1, gid=1) is None


async def test_every_start_names_the_one_marker_of_shared_storage(world: DirectoryWorld) -> None:
    """The marker is a file of the root, the same for all games."""
    world.share()
    other = GameId("another")

    markers = {await world.directories.prepare(each, uid=1, gid=1) for each in (GAME, other)}

    (marker,) = markers
    assert marker is not None
    assert Path(marker).parent == Path(world.directories.path(GAME)).parent


@pytest.mark.parametrize("is_known", [False, True])
async def test_nothing_is_made_where_the_shared_storage_is_not_mounted(
    world: DirectoryWorld, *, is_known: bool
) -> None:
    """A start names the marker that is missing, whether or not the game has a history."""
    world.share()
    other, known = GameId("another"), world.directories.path(GameId("another"))
    marker = await world.directories.prepare(GAME, uid=1, gid=1)
    assert marker is not None
    world.unmount(marker)

    with pytest.raises(StartConfigInvalid, match=f"shared storage.*{Path(marker).name}"):
        await world.directories.prepare(other, uid=1, gid=1, known_path=known if is_known else None)

    assert known not in world.paths()
