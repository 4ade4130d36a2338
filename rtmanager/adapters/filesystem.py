"""The state directories port on the host's file system."""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rtmanager.adapters.directory_size import DirectorySize
from rtmanager.adapters.state_marker import StateMarker, StateToken, demand_marker, missing_marker
from rtmanager.adapters.state_root import warn_if_exposed
from rtmanager.adapters.threads import Threads
from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.state_directories import DiskUse

logger = logging.getLogger(__name__)

THREADS = 8
"""Maximum number of concurrent calls; that many may hang before others have to wait."""
COUNTING_THREADS = 2
"""Maximum number of directories counted at the same time, apart from the other calls."""

# Every step is relative to an open directory and follows no link: otherwise anyone who can write
# below the root could swap a directory for a link and redirect a chown.
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class FilesystemStateDirectories:
    """One directory per game below the state root, which may be a symbolic link.

    With a `token` the root is storage that replicas and nodes share, and has its marker.

    A call to a hanging file system cannot be interrupted: it is abandoned in a daemon thread of a
    pool that is used for nothing else.
    """

    def __init__(
        self,
        root: str,
        *,
        mode: int = 0o750,
        deadline: float = 10.0,
        token: StateToken | None = None,
    ) -> None:
        self._root = Path(root).resolve()
        self._marker = StateMarker(self._root, token) if token else None
        self._mode = mode
        self._deadline = deadline
        self._threads = Threads("state directory", THREADS)
        self._counting = Threads("disk use", COUNTING_THREADS)

    async def open(self) -> None:
        """Report what the first start would refuse, or should not allow.

        Raises ServiceUnavailable when the marker's name cannot be read.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline):
                await self._threads.run(lambda: warn_if_exposed(self._root))
        if fault := await self._marker_fault():
            logger.error("state_root_not_shared", extra={"path": str(self._root), "error": fault})

    async def close(self) -> None:
        """End the threads, without waiting for calls that hang."""
        self._threads.close()
        self._counting.close()

    def path(self, game_id: GameId) -> str:
        """Return the absolute host path of the game's state directory."""
        return str(self._root / game_id)

    async def prepare(
        self, game_id: GameId, *, uid: int, gid: int, known_path: str | None = None
    ) -> str | None:
        """Set the directory's mode and owner; create it if the game has no known path."""
        marker = await self._marker.name(self._run) if self._marker else None
        preparation = Preparation(
            root=self._root,
            game_id=game_id,
            owner=(uid, gid),
            mode=self._mode,
            known_path=known_path,
            marker=marker,
            until=time.monotonic() + self._deadline,
        )
        await self._run(preparation.run, f"state directory {self.path(game_id)}")
        return str(self._root / marker) if marker else None

    async def _marker_fault(self) -> str | None:
        """Return why the root, which is to be shared storage, is none; None if all is well."""
        if self._marker is None:
            return None
        try:
            path = self._root / await self._marker.name(self._run)
            await self._run(lambda: demand_marker(path))
        except StartConfigInvalid as error:
            return error.message
        return None

    async def _run(self, call: Callable[[], None], what: str | None = None) -> None:
        """Run a blocking call; raise StartConfigInvalid when it takes too long."""
        try:
            async with asyncio.timeout(self._deadline):
                await self._threads.run(call)
        except TimeoutError:
            raise StartConfigInvalid(
                f"{what or f'state root {self._root}'} did not answer within "
                f"{self._deadline:g} s; check the file system that holds it"
            ) from None

    async def disk_use(self, game_id: GameId) -> DiskUse:
        """Count what the directory occupies, for half the deadline, in a thread of its own pool."""
        count = DirectorySize(self.path(game_id), time.monotonic() + self._deadline / 2)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._counting.run(count.measure)
        except TimeoutError:
            return DiskUse(0, is_complete=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """The steps for one directory; after `until` they change nothing: the caller has given up."""

    root: Path
    game_id: GameId
    owner: tuple[int, int]
    mode: int
    known_path: str | None
    until: float
    marker: str | None = None
    monotonic: Callable[[], float] = time.monotonic

    def run(self) -> None:
        """Run all steps, blocking. Raises StartConfigInvalid, and TimeoutError after `until`."""
        with _explain_unusable(self._path, "state directory"):
            _check_single_name(self.game_id)
            self._check_same_directory()
        with self._root() as root, self._directory(root) as directory:
            self._check_time()
            os.fchown(directory, *self.owner)
            self._check_time()
            os.fchmod(directory, self.mode)

    @property
    def _path(self) -> Path:
        return self.root / self.game_id

    @contextmanager
    def _root(self) -> Iterator[int]:
        with _explain_unusable(self.root, "state root"), self._explain_missing():
            if self.known_path is None and self.marker is None:
                self._check_time()
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root = os.open(self.root, _OPEN)
        try:
            self._check_marker(root)
            yield root
        finally:
            os.close(root)

    def _check_marker(self, root: int) -> None:
        """Raise unless the open directory has the marker, whatever is mounted there meanwhile."""
        if self.marker is None:
            return
        with _explain_unusable(self.root, "state root"):
            try:
                os.stat(self.marker, dir_fd=root, follow_symlinks=False)
            except FileNotFoundError:
                raise missing_marker(self.root / self.marker) from None

    @contextmanager
    def _directory(self, root: int) -> Iterator[int]:
        with _explain_unusable(self._path, "state directory"):
            if self.known_path is None:
                self._check_time()
                with suppress(FileExistsError):
                    os.mkdir(self.game_id, mode=0o700, dir_fd=root)
            with self._explain_missing():
                directory = os.open(self.game_id, _OPEN, dir_fd=root)
            try:
                yield directory
            finally:
                os.close(directory)

    def _check_same_directory(self) -> None:
        """Raise unless the game's state is in the directory that would be mounted.

        Links may have changed since, so the directories are compared, not their paths.
        """
        if self.known_path is None or self.known_path == str(self._path):
            return
        with suppress(FileNotFoundError):
            if Path(self.known_path).samefile(self._path):
                return
        raise StartConfigInvalid(
            f"the game's state is in {self.known_path}, but its state directory would now be "
            f"{self._path}, and it must not start without its state; set the state root back to "
            f"{Path(self.known_path).parent}, or mount the file system with the state there"
        )

    @contextmanager
    def _explain_missing(self) -> Iterator[None]:
        """Raise StartConfigInvalid for the missing directory of a game that has state."""
        try:
            yield
        except FileNotFoundError:
            if self.known_path is None:
                raise
            raise StartConfigInvalid(
                f"the game's state is in {self.known_path}, but the directory {self._path} does "
                "not exist; mount the file system that holds it, or restore it from a backup (to "
                "begin without the state, make an empty directory there)"
            ) from None

    def _check_time(self) -> None:
        if self.monotonic() > self.until:
            raise _OutOfTime


class _OutOfTime(TimeoutError):
    """the caller has given up."""


def _check_single_name(game_id: GameId) -> None:
    """Raise unless the id is a single directory name; callers have checked game ids before."""
    if "/" in game_id or "\0" in game_id or game_id in {"", ".", ".."}:
        raise OSError(errno.EINVAL, "the game id is no directory name")


@contextmanager
def _explain_unusable(path: Path, what: str) -> Iterator[None]:
    """Raise StartConfigInvalid with the path that cannot be used, and the reason."""
    try:
        yield
    except _OutOfTime:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            reason = "it is a file or a symbolic link, not a directory"
        raise StartConfigInvalid(f"{what} {path} cannot be used: {reason}") from error
