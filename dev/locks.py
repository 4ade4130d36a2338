"""Locks between the processes of this machine, released when their process ends."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, ReadWriteLock, Timeout

from dev import SetUpError

_LOCKS = Path("/run/lock")
LAST_USE_SECONDS = 0.5


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Let one process of this user at a time run the block; others wait."""
    with FileLock(_lock_file(name)):
        yield


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Let one development environment use the directory; refuse a second."""
    try:
        held = FileLock(directory / "lock").acquire(blocking=False)
    except Timeout:
        message = f"another environment runs in {directory}: stop it first, or use its service"
        raise SetUpError(message) from None
    with held:
        yield


class SharedUse:
    """One process's use of something shared, from its construction on.

    Must end in the thread that began it.
    """

    def __init__(self, name: str) -> None:
        """Wait while the previous last user is still clearing up."""
        # Not a singleton per file, the default: two uses in one process are two.
        self._lock = ReadWriteLock(_lock_file(name), is_singleton=False)
        self._lock.acquire_read()

    @contextmanager
    def end(self) -> Iterator[bool]:
        """End the use and yield whether it was the last; if so, none begins during the block."""
        self._lock.release()
        try:
            # Two that try at once may both be busy for a moment.
            self._lock.acquire_write(timeout=LAST_USE_SECONDS)
        except Timeout:
            yield False
        else:
            yield True
        finally:
            self._lock.close()


def _lock_file(name: str) -> Path:
    directory = _LOCKS if os.access(_LOCKS, os.W_OK) else Path(tempfile.gettempdir())
    # Each user has their own files, so that nobody can block another user.
    return directory / f"rtmanager-dev-{os.getuid()}.{name}"
