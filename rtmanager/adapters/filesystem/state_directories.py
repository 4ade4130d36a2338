"""The state directories port on the host's file system."""

import asyncio
import time
from pathlib import Path

from rtmanager.adapters.filesystem.preparation import Preparation
from rtmanager.adapters.threads import Threads
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId

THREADS = 8
"""How many directories are worked on at once; that many calls may hang before others wait."""


class FilesystemStateDirectories:
    """One directory per game below the state root; the root may itself be a symbolic link.

    A file system that hangs cannot be interrupted: such a call is left behind in its thread, which
    neither takes the threads of others nor keeps the process from exiting.
    """

    def __init__(self, root: str, *, mode: int = 0o750, deadline: float = 10.0) -> None:
        self._root = Path(root).resolve()
        self._mode = mode
        self._deadline = deadline
        self._threads = Threads("state directory", THREADS)

    def path(self, game_id: GameId) -> str:
        """Return the absolute host path of the game's state directory."""
        return str(self._root / game_id)

    async def prepare(
        self, game_id: GameId, *, uid: int, gid: int, known_path: str | None = None
    ) -> None:
        """Give the directory its mode and owner; make it only for a game without a history."""
        preparation = Preparation(
            root=self._root,
            game_id=game_id,
            owner=(uid, gid),
            mode=self._mode,
            known_path=known_path,
            until=time.monotonic() + self._deadline,
        )
        try:
            async with asyncio.timeout(self._deadline):
                await self._threads.run(preparation.run)
        except TimeoutError:
            raise StartConfigInvalid(
                f"state directory {self.path(game_id)} did not answer within "
                f"{self._deadline:g} s; see to the file system that holds it"
            ) from None
