"""The callers' tokens: a file with one hash per line, read again whenever it changes.

A token is 256 random bits, so a plain hash protects it: there is no dictionary to try. The file
contains no secret, and faults in it are described without quoting it, because somebody may have
written a token where its hash belongs.
"""

import hmac
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog

from rtmanager.domain.operation import OpSource
from rtmanager.handlers.middleware import SOURCES

log = structlog.get_logger(__name__)

CHECK_INTERVAL = 1.0
"""Seconds for which the file is not looked at again."""

_MAX_SIZE = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HASH = re.compile(r"[0-9a-fA-F]{64}")


class TokensFileError(Exception):
    """The file of tokens cannot be used; says why and what is expected."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Who has a token: the caller's name, and the source that its operations are logged with."""

    name: str
    source: OpSource


@dataclass(frozen=True, slots=True)
class _Entry:
    holder: TokenHolder
    digest: bytes


@dataclass(frozen=True, slots=True)
class _File:
    """What a file contained, and what changes whenever it does."""

    version: tuple[int, ...]
    mode: int
    text: str


class ApiTokens:
    """The tokens of a file; as long as it is unusable, those that were read last."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        """Read the file; raises TokensFileError."""
        self.path = path
        self._now = now
        self._entries: Sequence[_Entry] = ()
        self._version: tuple[int, ...] | None = None
        self._checked_at = now()
        self._fault = ""
        self._read()

    def holder_of(self, token: bytes) -> TokenHolder | None:
        """Return who has the token; takes as long for an unknown one as for any other."""
        self._refresh()
        digest, found = sha256(token).digest(), None
        for entry in self._entries:
            if hmac.compare_digest(entry.digest, digest):
                found = entry.holder
        return found

    def _refresh(self) -> None:
        """Read the file again if it has changed; log a fault once, and keep the tokens."""
        if self._now() - self._checked_at < CHECK_INTERVAL:
            return
        self._checked_at = self._now()
        try:
            self._read()
        except TokensFileError as error:
            if self._fault != str(error):
                self._log_fault(error)
            self._fault = str(error)
        else:
            self._fault = ""

    def _log_fault(self, error: TokensFileError) -> None:
        log.error(
            "api_tokens_not_read",
            path=str(self.path),
            cause=str(error),
            kept=len(self._entries),
            advice="correct the file; until then the tokens that were read last are accepted",
        )

    def _read(self) -> None:
        """Replace the tokens by those of the file, unless it is the one that was read last."""
        found = _open(self.path, self._version)
        if found is None:
            return
        self._entries = _parse(found.text)
        self._version = found.version
        log.info("api_tokens_read", count=len(self._entries))
        if found.mode & stat.S_IROTH:
            log.warning(
                "api_tokens_readable_by_everybody",
                path=str(self.path),
                advice="let only its owner and the service's group read it: chmod o= FILE",
            )


def check_tokens_file(path: Path) -> None:
    """Read a file of tokens as the service does; raises TokensFileError."""
    found = _open(path, None)
    if found is not None:
        _parse(found.text)


def new_token() -> str:
    """Return a new random token; its prefix lets scanners recognise one that has leaked."""
    return f"rtm_{secrets.token_urlsafe(32)}"


def line_of(name: str, source: str, token: str) -> str:
    """Return the line of the file for a token; raises TokensFileError for another name."""
    if not _NAME.fullmatch(name):
        raise TokensFileError("the name must be 1 to 64 letters, digits, dots, dashes, underscores")
    return f"{name} {source} {sha256(token.encode()).hexdigest()}"


def _open(path: Path, known: tuple[int, ...] | None) -> _File | None:
    """Return the file, or None if it is the known version."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            _check(found)
            version = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if version == known:
                return None
            return _File(version, found.st_mode, file.read(_MAX_SIZE).decode("utf-8"))
    except OSError as error:
        raise TokensFileError(f"it cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TokensFileError("it is not UTF-8") from error


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe in its place would hold up the process until somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _check(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise TokensFileError("it is not a file")
    if found.st_size > _MAX_SIZE:
        raise TokensFileError("it is larger than 1 MiB")
    if found.st_mode & stat.S_IWOTH:
        raise TokensFileError("everybody may write to it; allow that to its owner only")


def _parse(text: str) -> Sequence[_Entry]:
    lines = enumerate(text.splitlines(), 1)
    fields = ((number, line.partition("#")[0].split()) for number, line in lines)
    entries = [_entry(number, each) for number, each in fields if each]
    if not entries:
        raise TokensFileError("it has no tokens; `rtmanager token` makes one")
    if len({entry.digest for entry in entries}) < len(entries):
        raise TokensFileError("it has the same token twice")
    return entries


def _entry(number: int, fields: Sequence[str]) -> _Entry:
    match fields:
        case [name, source, digest] if (
            _NAME.fullmatch(name) and source in SOURCES and _HASH.fullmatch(digest)
        ):
            return _Entry(TokenHolder(name, SOURCES[source]), bytes.fromhex(digest))
    raise TokensFileError(
        f"line {number} is not `name gm|admin sha256`; `rtmanager token` makes one"
    )
