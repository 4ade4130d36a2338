"""The directories that hold the games' state on the host."""

from typing import Protocol

from rtmanager.domain.game_id import GameId


class StateDirectories(Protocol):
    """One directory per game below the state root. Nothing here ever deletes one."""

    def path(self, game_id: GameId) -> str:
        """Return the absolute host path of the game's state directory; no I/O."""

    async def prepare(self, game_id: GameId, *, uid: int, gid: int) -> None:
        """Make the directory if it is missing, and give it the configured mode and this owner.

        Never follows a symbolic link and never leaves the state root. What is inside an existing
        directory is not touched. Raises StartConfigInvalid when the directory cannot be used.
        """
