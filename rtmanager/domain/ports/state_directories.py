"""The directories that hold the games' state on the host."""

from dataclasses import dataclass
from typing import Protocol

from rtmanager.domain.game_id import GameId


@dataclass(frozen=True, slots=True)
class DiskUse:
    """The bytes that a directory occupies; if not `is_complete`, at least that many."""

    size: int
    is_complete: bool = True


class StateDirectories(Protocol):
    """One directory per game below the state root. They are never deleted."""

    def path(self, game_id: GameId) -> str:
        """Return the absolute host path of the game's state directory; no I/O."""

    async def prepare(
        self, game_id: GameId, *, uid: int, gid: int, known_path: str | None = None
    ) -> str | None:
        """Set the configured mode and this owner on the game's directory.

        Creates the directory of a game without a history. A game with a history has its state at
        `known_path`: a directory that is elsewhere now, or missing, is never replaced by an empty
        one. Never follows a symbolic link and never leaves the state root; the content is not
        touched. Raises StartConfigInvalid, naming the paths, when the directory cannot be used or
        the file system does not answer within the deadline.

        Returns the path of the installation's marker: a file of the state root by which any host
        shows that the storage is mounted there. Without it nothing is created, and
        StartConfigInvalid raised. Returns None where the state root is of a single host. Raises
        ServiceUnavailable when the marker's name cannot be read.
        """

    async def disk_use(self, game_id: GameId) -> DiskUse:
        """Return what the game's directory and everything in it occupy on the disk.

        Counts for a limited time, follows no link and stays on the directory's file system; what
        could not be counted makes the result incomplete. Zero without a directory. Never raises.
        """
