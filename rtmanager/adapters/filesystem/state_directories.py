"""The state directories port on the host's file system."""

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId

# Every step is taken relative to a directory that is already open, and never through a link, so
# that nobody who can write below the root can lead a chown elsewhere by being quick.
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FilesystemStateDirectories:
    """One directory per game below the state root; the root may itself be a symbolic link."""

    def __init__(self, root: str, *, mode: int = 0o750) -> None:
        self._root = Path(root).resolve()
        self._mode = mode

    def path(self, game_id: GameId) -> str:
        """Return the absolute host path of the game's state directory."""
        return str(self._root / game_id)

    async def prepare(self, game_id: GameId, *, uid: int, gid: int) -> None:
        """Make the directory if it is missing, and give it the mode and this owner."""
        await asyncio.to_thread(self._prepare, game_id, uid, gid)

    def _prepare(self, game_id: GameId, uid: int, gid: int) -> None:
        with _explained(str(self._root), "state root"):
            self._root.mkdir(parents=True, exist_ok=True)
            root = os.open(self._root, _OPEN)
        try:
            with _explained(self.path(game_id), "state directory"):
                self._prepare_below(root, _single_name(game_id), uid, gid)
        finally:
            os.close(root)

    def _prepare_below(self, root: int, name: str, uid: int, gid: int) -> None:
        with suppress(FileExistsError):
            os.mkdir(name, mode=0o700, dir_fd=root)
        directory = os.open(name, _OPEN, dir_fd=root)
        try:
            os.fchown(directory, uid, gid)
            os.fchmod(directory, self._mode)
        finally:
            os.close(directory)


def _single_name(game_id: GameId) -> str:
    """Return the id as the name of one directory entry; game ids are checked long before this."""
    if "/" in game_id or "\0" in game_id or game_id in {"", ".", ".."}:
        raise OSError(errno.EINVAL, "the game id is no directory name")
    return game_id


@contextmanager
def _explained(path: str, what: str) -> Iterator[None]:
    """Say which path cannot be used, and why."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            reason = "it is a file or a symbolic link, not a directory"
        raise StartConfigInvalid(f"{what} {path} cannot be used: {reason}") from error
