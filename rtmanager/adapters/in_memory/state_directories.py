"""The state directories port in memory."""

from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.gate import Gate, open_gate
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId


@dataclass(frozen=True, slots=True)
class MemoryDirectory:
    """A directory's owner and what is in it, which nothing here ever touches."""

    uid: int
    gid: int
    content: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InMemoryStateDirectories:
    """Directories by their path; `obstacles` are paths where something else is in the way."""

    root: str = "/var/lib/galaxy/games"
    directories: dict[str, MemoryDirectory] = field(default_factory=dict)
    obstacles: set[str] = field(default_factory=set)
    gate: Gate = open_gate

    def path(self, game_id: GameId) -> str:
        """Return the absolute path of the game's state directory."""
        return f"{self.root}/{game_id}"

    async def prepare(self, game_id: GameId, *, uid: int, gid: int) -> None:
        """Make the directory or give it another owner."""
        await self.gate("directories.prepare")
        path = self.path(game_id)
        if path in self.obstacles:
            raise StartConfigInvalid(f"state directory {path} is not a directory")
        existing = self.directories.get(path)
        content = existing.content if existing else ()
        self.directories[path] = MemoryDirectory(uid, gid, content)
        await self.gate("directories.prepare:done")
