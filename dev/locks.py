"""Locks between the processes of this machine; the end of a process frees what it holds."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, ReadWriteLock, Timeout

from dev import SetUpError

_LOCKS = Path("/run/lock")


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Let only one process of this user at a time into the block; others wait."""
    with FileLock(_lock_file(name)):
        yield


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Let only one development environment at a time use the directory; refuse a second."""
    try:
        held = FileLock(directory / "lock").acquire(blocking=False)
    except Timeout:
        message = f"another environment runs in {directory}: stop it first, or use its service"
        raise SetUpError(message) from None
    with held:
        yield


class SharedUse:
    """The use that one of several processes makes of a thing, from its construction on.

    It ends in the thread that began it.
    """

    def __init__(self, name: str) -> None:
        """Wait while a process that was the last user is still clearing the thing away."""
        # Not one object for each file, as is the default: two uses in one process are two.
        self._lock = ReadWriteLock(_lock_file(name), is_singleton=False)
        self._lock.acquire_read()

    @contextmanager
    def end(self) -> Iterator[bool]:
        """End the use; in the block it is known whether it was the last, and no new one begins."""
        self._lock.release()
        try:
            self._lock.acquire_write(blocking=False)
        except Timeout:
            yield False
        else:
            yield True
        finally:
            self._lock.close()


def _lock_file(name: str) -> Path:
    directory = _LOCKS if os.access(_LOCKS, os.W_OK) else Path(tempfile.gettempdir())
    # Each user has files of their own: nobody can keep another user's waiting.
    return directory / f"rtmanager-dev-{os.getuid()}.{name}"
