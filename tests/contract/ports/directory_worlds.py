"""State directories under test, in memory and on the host."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from rtmanager.adapters.filesystem import FilesystemStateDirectories
from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.state_directories import InMemoryStateDirectories
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.state_directories import StateDirectories

GAME = GameId("Andromeda.1_a-b")
OWNER = (4242, 4343)
DEADLINE = 0.3


@dataclass
class OneToken:
    """The token of an installation, shared by its replicas; `faults` are raised by claims."""

    token: str | None = None
    faults: list[Exception] = field(default_factory=list)

    async def read(self) -> str | None:
        """Return the token."""
        return self.token

    async def claim(self, token: str) -> str:
        """Keep the first."""
        if self.faults:
            raise self.faults.pop()
        self.token = self.token or token
        return self.token


class DirectoryWorld(Protocol):
    """State directories and a view of what they created."""

    directories: StateDirectories

    def owner(self, path: str) -> tuple[int, int]:
        """Return who owns the directory."""

    def obstruct(self, path: str) -> None:
        """Put something other than a directory there."""

    def paths(self) -> list[str]:
        """Return every directory that exists."""

    def vanish(self, path: str) -> None:
        """Remove the directory, as an unmounted volume does."""

    def hang(self, path: str) -> None:
        """Make every call on this directory hang."""

    def fill(self, path: str, size: int) -> None:
        """Write this many bytes into the directory, a multiple of a disk's blocks."""

    def share(self) -> None:
        """Let the state root be storage that replicas and nodes share."""

    def unmount(self, marker: str) -> None:
        """Let the shared storage be gone from here, and its marker with it."""


class MemoryDirectories:
    """The double."""

    def __init__(self) -> None:
        self._memory = InMemoryStateDirectories(deadline=DEADLINE, clock=ManualClock())
        self.directories: StateDirectories = self._memory

    def owner(self, path: str) -> tuple[int, int]:
        """Return who owns the directory."""
        directory = self._memory.directories[path]
        return directory.uid, directory.gid

    def obstruct(self, path: str) -> None:
        """Put something there."""
        self._memory.obstacles.add(path)

    def paths(self) -> list[str]:
        """Return every directory that there is."""
        return list(self._memory.directories)

    def vanish(self, path: str) -> None:
        """Take the directory away."""
        del self._memory.directories[path]

    def hang(self, path: str) -> None:
        """Make its calls hang."""
        self._memory.hanging.add(path)

    def fill(self, path: str, size: int) -> None:
        """Let it occupy more."""
        self._memory.sizes[path] = self._memory.sizes.get(path, 0) + size

    def share(self) -> None:
        """Give the root a marker."""
        self._memory = InMemoryStateDirectories(
            deadline=DEADLINE, clock=ManualClock(), marker="/var/lib/galaxy/games/.galaxy-state-1"
        )
        self.directories = self._memory

    def unmount(self, marker: str) -> None:
        """Take the marker away."""
        self._memory.obstacles.add(marker)


@dataclass
class RealDirectories:
    """Directories on the host's file system; needs root, as the service does."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    answered: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Open the root."""
        self.directories: StateDirectories = FilesystemStateDirectories(
            str(self.root), deadline=DEADLINE
        )

    def owner(self, path: str) -> tuple[int, int]:
        """Return who owns the directory."""
        found = Path(path).stat()
        return found.st_uid, found.st_gid

    def obstruct(self, path: str) -> None:
        """Put a file there."""
        Path(path).write_text("in the way")

    def paths(self) -> list[str]:
        """Return every directory that there is."""
        return [str(each) for each in self.root.iterdir()]

    def vanish(self, path: str) -> None:
        """Remove the directory."""
        Path(path).rmdir()

    def hang(self, path: str) -> None:
        """Block the change of owner until the end of the test, as a lost file server does."""
        self._hang_when_counted(path)
        fchown = os.fchown

        def give_late(directory: int, uid: int, gid: int) -> None:
            assert Path(f"/proc/self/fd/{directory}").readlink() == Path(path)
            self.answered.wait()
            fchown(directory, uid, gid)

        self.monkeypatch.setattr(os, "fchown", give_late)

    def fill(self, path: str, size: int) -> None:
        """Write a file in a directory of its own."""
        inner = Path(path, f"turn {size}")
        inner.mkdir()
        (inner / "data").write_bytes(b"x" * size)

    def share(self) -> None:
        """Give the installation a token."""
        self.directories = FilesystemStateDirectories(
            str(self.root), deadline=DEADLINE, token=OneToken()
        )

    def unmount(self, marker: str) -> None:
        """Remove the marker."""
        Path(marker).unlink()

    def _hang_when_counted(self, path: str) -> None:
        open_it = os.open

        def open_late(name: Any, *arguments: Any, **more: Any) -> int:
            if name == path:
                self.answered.wait()
            return open_it(name, *arguments, **more)

        self.monkeypatch.setattr(os, "open", open_late)


@contextmanager
def real_directories(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealDirectories]:
    """Yield directories on the host; at the end every blocked call is released."""
    directories = RealDirectories(root, monkeypatch)
    try:
        yield directories
    finally:
        directories.answered.set()


async def prepare(directories: StateDirectories, owner: tuple[int, int] = OWNER) -> None:
    """Prepare the directory of a game without a history."""
    await directories.prepare(GAME, uid=owner[0], gid=owner[1])
