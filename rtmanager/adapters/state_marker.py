"""The file by which replicas and nodes see that their state root is the same storage.

A directory of the same name exists on any host; a file with a random name, of which the database
knows, exists only where the storage is mounted.
"""

import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from rtmanager.domain.errors import StartConfigInvalid

PREFIX = ".galaxy-state-"
TOKEN_BYTES = 8

Run = Callable[[Callable[[], None]], Awaitable[None]]
"""Performs a blocking call."""


class StateToken(Protocol):
    """What all replicas know of the marker: the rest of its name."""

    async def read(self) -> str | None:
        """Return the token, None before one was claimed."""

    async def claim(self, token: str) -> str:
        """Keep this token unless there is one; return the one that is kept."""


class StateMarker:
    """The marker of one state root: made by the first replica, demanded by all others."""

    def __init__(self, root: Path, token: StateToken) -> None:
        self._root = root
        self._token = token
        self._name: str | None = None

    async def name(self, run: Run) -> str:
        """Return the marker's file name; make the file first if the installation has none.

        Raises StartConfigInvalid when it cannot be made, and ServiceUnavailable.
        """
        if self._name is None:
            token = await self._token.read() or await self._make(run)
            self._name = PREFIX + token
        return self._name

    async def _make(self, run: Run) -> str:
        """Make a file, then claim its name: a token without a file would lock everybody out.

        A file whose claim came second, or was lost, means nothing.
        """
        token = secrets.token_hex(TOKEN_BYTES)
        path = self._root / (PREFIX + token)
        await run(lambda: _write(path))
        kept = await self._token.claim(token)
        if kept != token:
            await run(lambda: path.unlink(missing_ok=True))
        return kept


def _write(path: Path) -> None:
    """Make the file, and a missing root."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o444, exist_ok=False)
    except OSError as error:
        raise StartConfigInvalid(
            f"the marker {path} cannot be made: {error.strerror}; mount the games' shared storage "
            f"at {path.parent}, so that the service can write there"
        ) from error


def demand_marker(path: Path) -> None:
    """Raise StartConfigInvalid unless the marker is there."""
    if not os.path.lexists(path):
        raise missing_marker(path)


def missing_marker(path: Path) -> StartConfigInvalid:
    """Return the error for a state root without this marker."""
    root = path.parent
    return StartConfigInvalid(
        f"the state root {root} is not the shared storage of this installation: it has no file "
        f"{path.name}; mount that storage there, on this host as on every node (only where the "
        f"state was restored without that file: `touch {path}`)"
    )
