"""One development environment per directory at a time."""

import fcntl
from pathlib import Path
from typing import IO

from rtmanager.dev.errors import SetUpError


def lock_directory(directory: Path) -> IO[str]:
    """Lock the directory until the returned file is closed, or the process dies."""
    file = (directory / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        message = f"another environment runs in {directory}: stop it first, or use its service"
        raise SetUpError(message) from None
    return file
