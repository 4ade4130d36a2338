"""What a directory occupies on the disk, counted within limits: an engine may make any tree."""

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from rtmanager.domain.ports.state_directories import DiskUse

MOST_FILES = 200_000
_BLOCK = 512
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DEEPEST = 32
"""Levels of directories; what lies deeper is not counted."""
MOST_OPEN = 2 * DEEPEST
"""Descriptors of one count: each level has its own and that of its list."""


@dataclass(slots=True)
class DirectorySize:
    """Counts one tree, at most `most_files` files and until `until`.

    Every step is relative to an open directory and follows no link, so that an engine which
    changes the tree meanwhile cannot lead it elsewhere. Files with several names count once, and
    holes in files do not count.
    """

    path: str
    until: float
    most_files: int = MOST_FILES
    monotonic: Callable[[], float] = time.monotonic
    _size: int = 0
    _files: int = 0
    _is_complete: bool = True
    _linked: set[int] = field(default_factory=set)

    def measure(self) -> DiskUse:
        """Count, blocking, and return what was counted."""
        try:
            root = os.open(self.path, _OPEN)
        except FileNotFoundError:
            return DiskUse(0)
        except OSError:
            return DiskUse(0, is_complete=False)
        try:
            found = os.fstat(root)
            self._count(found)
            self._enter(root, found.st_dev, depth=1)
        finally:
            os.close(root)
        return DiskUse(self._size, is_complete=self._is_complete)

    def _enter(self, directory: int, device: int, *, depth: int) -> None:
        """Count the content of an open directory."""
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if self._is_over():
                        return
                    self._add(directory, entry.name, device, depth)
        except OSError:
            self._is_complete = False

    def _add(self, directory: int, name: str, device: int, depth: int) -> None:
        with suppress(FileNotFoundError):  # removed meanwhile
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if found.st_dev != device:
                return  # another file system is mounted there
            self._count(found)
            if stat.S_ISDIR(found.st_mode):
                self._descend(directory, name, device, depth)

    def _descend(self, directory: int, name: str, device: int, depth: int) -> None:
        if depth == DEEPEST:
            self._is_complete = False
            return
        inner = os.open(name, _OPEN, dir_fd=directory)
        try:
            self._enter(inner, device, depth=depth + 1)
        finally:
            os.close(inner)

    def _count(self, found: os.stat_result) -> None:
        self._files += 1
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if found.st_ino in self._linked:
                return
            self._linked.add(found.st_ino)
        self._size += found.st_blocks * _BLOCK

    def _is_over(self) -> bool:
        """Return whether a limit is reached."""
        if self._files < self.most_files and self.monotonic() < self.until:
            return False
        self._is_complete = False
        return True
