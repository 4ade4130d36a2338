"""What one process of the machine does at a time, and what several processes use together."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_LOCKS = Path("/run/lock")


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Let only one process of this user at a time into the block; others wait."""
    with open_lock(name) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_lock(name: str) -> IO[str]:
    """Return the open lock file of that name; closing it, or the end of the process, unlocks it."""
    directory = _LOCKS if os.access(_LOCKS, os.W_OK) else Path(tempfile.gettempdir())
    # Each user has files of their own: nobody can keep another user's waiting.
    return (directory / f"rtmanager-dev-{os.getuid()}.{name}").open("a")
