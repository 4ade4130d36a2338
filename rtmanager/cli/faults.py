"""What a command ends with: its exit codes, and one line on stderr."""

import sys
from enum import IntEnum
from typing import NoReturn

from rtmanager.cli.text import plain


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    UNAVAILABLE = 5
    NOT_ALLOWED = 6
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done; a repeated request with nothing left to do too",
    ExitCode.FAILED: "the operation failed, or a check found a fault",
    ExitCode.USAGE: "wrong usage, or the service refused the request as wrong",
    ExitCode.NOT_FOUND: "no such game, operation or node, or the game has no container",
    ExitCode.CONFLICT: "not allowed in this state, or another operation is running",
    ExitCode.UNAVAILABLE: "the service, or what it depends on, is not available",
    ExitCode.NOT_ALLOWED: "the token is missing or unknown, or the host is not accepted",
    ExitCode.INTERRUPTED: "Ctrl-C; an operation that has begun continues",
}


def explained() -> str:
    """Return the table of exit codes for the help."""
    rows = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())
    return f"\b\nExit codes:\n{rows}"


def refuse(reason: str, code: int = ExitCode.FAILED) -> NoReturn:
    """End the process with this exit code and the reason on stderr."""
    sys.stderr.write(f"rtmanager: {plain(reason, keep_lines=True)}\n")
    raise SystemExit(code)
