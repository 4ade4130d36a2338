"""Preparing one game's state directory, step by step."""

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rtmanager.domain.errors import StartConfigInvalid
from rtmanager.domain.game_id import GameId

# Every step is taken relative to a directory that is already open, and never through a link, so
# that nobody who can write below the root can lead a chown elsewhere by being quick.
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """One preparation; past its time it changes nothing more, for nobody waits for it any more."""

    root: Path
    game_id: GameId
    owner: tuple[int, int]
    mode: int
    known_path: str | None
    until: float
    monotonic: Callable[[], float] = time.monotonic

    def run(self) -> None:
        """Do all the steps, blocking. Raises StartConfigInvalid, TimeoutError past its time."""
        with _explained(self._path, "state directory"):
            _demand_single_name(self.game_id)
            self._demand_same_path()
        with self._root() as root, self._directory(root) as directory:
            self._demand_time()
            os.fchown(directory, *self.owner)
            self._demand_time()
            os.fchmod(directory, self.mode)

    @property
    def _path(self) -> Path:
        return self.root / self.game_id

    @contextmanager
    def _root(self) -> Iterator[int]:
        with _explained(self.root, "state root"), self._demand_present():
            if self.known_path is None:
                self._demand_time()
                self.root.mkdir(parents=True, exist_ok=True)
            root = os.open(self.root, _OPEN)
        try:
            yield root
        finally:
            os.close(root)

    @contextmanager
    def _directory(self, root: int) -> Iterator[int]:
        with _explained(self._path, "state directory"):
            if self.known_path is None:
                self._demand_time()
                with suppress(FileExistsError):
                    os.mkdir(self.game_id, mode=0o700, dir_fd=root)
            with self._demand_present():
                directory = os.open(self.game_id, _OPEN, dir_fd=root)
            try:
                yield directory
            finally:
                os.close(directory)

    def _demand_same_path(self) -> None:
        """Raise unless the game's state is where it would be mounted from now.

        Links may have changed since: what counts is the directory, not how it is written.
        """
        if self.known_path is None or self.known_path == str(self._path):
            return
        with suppress(FileNotFoundError):
            if Path(self.known_path).samefile(self._path):
                return
        raise StartConfigInvalid(
            f"the game's state is in {self.known_path}, but its state directory would now be "
            f"{self._path}, and it must not start without its state; set the state root back to "
            f"{Path(self.known_path).parent}, or mount there what holds the state"
        )

    @contextmanager
    def _demand_present(self) -> Iterator[None]:
        """Explain a missing directory of a game whose state must be in it."""
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

    def _demand_time(self) -> None:
        if self.monotonic() > self.until:
            raise _OutOfTime


class _OutOfTime(TimeoutError):
    """nobody waits for this any more."""


def _demand_single_name(game_id: GameId) -> None:
    """Raise unless the id names one directory entry; game ids are checked long before this."""
    if "/" in game_id or "\0" in game_id or game_id in {"", ".", ".."}:
        raise OSError(errno.EINVAL, "the game id is no directory name")


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """Say which path cannot be used, and why."""
    try:
        yield
    except _OutOfTime:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            reason = "it is a file or a symbolic link, not a directory"
        raise StartConfigInvalid(f"{what} {path} cannot be used: {reason}") from error
