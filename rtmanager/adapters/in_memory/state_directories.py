"""The state directories port in memory."""

from dataclasses import dataclass, field

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.state_directories import DiskUse


@dataclass(frozen=True, slots=True)
class MemoryDirectory:
    """A directory's owner and its content, which is never touched here."""

    uid: int
    gid: int
    content: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InMemoryStateDirectories:
    """Directories by path, which a test may remove or move.

    `obstacles` are paths occupied by something else, `hanging` those that never answer: with a
    clock, that takes the whole deadline. `sizes` are the bytes that directories occupy. `marker` is
    the file that shared storage has; it is an obstacle where that is not mounted.
    """

    root: str = "/var/lib/galaxy/games"
    directories: dict[str, MemoryDirectory] = field(default_factory=dict)
    obstacles: set[str] = field(default_factory=set)
    hanging: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)
    marker: str | None = None
    deadline: float = 10.0
    clock: Clock | None = None

    def path(self, game_id: GameId) -> str:
        """Return the absolute path of the game's state directory."""
        return f"{self.root}/{game_id}"

    async def prepare(
        self, game_id: GameId, *, uid: int, gid: int, known_path: str | None = None
    ) -> str | None:
        """Set the directory's owner; create it only for a game without a history."""
        path = self.path(game_id)
        await self._demand_answer(path)
        self._demand_marker()
        self._demand_state(path, known_path)
        existing = self.directories.get(path)
        content = existing.content if existing else ()
        self.directories[path] = MemoryDirectory(uid, gid, content)
        return self.marker

    async def disk_use(self, game_id: GameId) -> DiskUse:
        """Return what the directory occupies."""
        path = self.path(game_id)
        return DiskUse(self.sizes.get(path, 0), is_complete=path not in self.hanging)

    async def _demand_answer(self, path: str) -> None:
        if path not in self.hanging:
            return
        if self.clock is not None:
            await self.clock.sleep(self.deadline)
        raise StartConfigInvalid(
            f"state directory {path} did not answer within {self.deadline:g} s"
        )

    def _demand_marker(self) -> None:
        if self.marker in self.obstacles:
            raise StartConfigInvalid(
                f"the state root {self.root} is not the shared storage: it has no {self.marker}"
            )

    def _demand_state(self, path: str, known_path: str | None) -> None:
        if known_path not in {None, path}:
            raise StartConfigInvalid(
                f"the game's state is in {known_path}, but its state directory would now be {path}"
            )
        if path in self.obstacles:
            raise StartConfigInvalid(f"state directory {path} is not a directory")
        if known_path is not None and path not in self.directories:
            raise StartConfigInvalid(
                f"the game's state is in {known_path}, but the directory {path} does not exist"
            )
