"""Servers in the background: started in their own session, found again by a pid file."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dev import SetUpError
from dev.unprivileged import Identity

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Start:
    """Where and as whom a process is started, and what it reads: arguments are open to everyone."""

    directory: Path = Path("/")
    user: Identity = field(default_factory=Identity)
    stdin: str = field(default="", repr=False)


@dataclass(frozen=True)
class BackgroundProcess:
    """A server process; its start time distinguishes it from later processes with its pid."""

    pid: int
    started_at: str
    pid_file: Path

    @classmethod
    def start(
        cls, argv: Sequence[str], *, pid_file: Path, log_file: Path, how: Start | None = None
    ) -> "BackgroundProcess":
        """Start the command with its output in the log file."""
        how = how or Start()
        with log_file.open("ab") as log, tempfile.TemporaryFile() as given:
            given.write(how.stdin.encode())
            given.seek(0)
            # Its own session, because Ctrl-C must not stop it before its clients are done.
            child = subprocess.Popen(
                argv,
                stdin=given,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=how.directory,
                **how.user,
            )
        _children[child.pid] = child
        return cls.of(child.pid, pid_file)

    @classmethod
    def of(cls, pid: int, pid_file: Path) -> "BackgroundProcess":
        """Return the process that runs with this pid, and write it to the pid file."""
        process = cls(pid, _start_time(pid) or "", pid_file)
        pid_file.write_text(f"{process.pid} {process.started_at}\n")
        return process

    @classmethod
    def find(cls, pid_file: Path) -> "BackgroundProcess | None":
        """Return the process of the pid file if that process is still running."""
        if not pid_file.is_file():
            return None
        pid, _, started_at = pid_file.read_text().strip().partition(" ")
        process = cls(int(pid), started_at, pid_file)
        return process if process.is_running() else None

    def is_running(self) -> bool:
        """Return whether this process is alive."""
        is_alive = bool(self.started_at) and _start_time(self.pid) == self.started_at
        if child := _children.get(self.pid):
            # Reaps a dead child, but only after the check: a child that died in between would
            # otherwise count as dead but stay a zombie.
            child.poll()
        return is_alive

    def wait_until(self, ready: Callable[[], bool], *, seconds: float, log_file: Path) -> None:
        """Wait until the server is ready; after `seconds`, stop it and raise SetUpError."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_running():
                self._raise("stopped while starting", log_file)
            if time.monotonic() > deadline:
                self.stop(seconds=5)
                self._raise(f"was not ready within {seconds:g} seconds", log_file)
            time.sleep(POLL_SECONDS)

    def stop(self, *, seconds: float) -> None:
        """Ask the process to end, and kill it if it does not end in time."""
        for request, limit in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
            if self.is_running():
                with suppress(ProcessLookupError):  # it may end between the check and the signal
                    os.kill(self.pid, request)
                self._wait_for_end(limit)
        if child := _children.pop(self.pid, None):
            child.wait(5.0)  # reaps it, whoever ended it
        self.pid_file.unlink(missing_ok=True)

    def _wait_for_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.is_running() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def _raise(self, what: str, log_file: Path) -> None:
        last_lines = log_file.read_text(errors="replace").strip().splitlines()[-3:]
        message = f"{self.pid_file.stem} {what} (log: {log_file}): {' | '.join(last_lines)}"
        raise SetUpError(message)


_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_children: dict[int, subprocess.Popen[bytes]] = {}


def _start_time(pid: int) -> str | None:
    """Return when a living process started, None for a dead one.

    A killed process is a zombie once its first thread has ended, but holds its ports and files
    until the last one has.
    """
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1:
                return None
            # In ticks since boot, since the clock may be set while it runs.
            seconds = process.create_time() - psutil.boot_time()
    except psutil.NoSuchProcess:
        return None
    return str(round(seconds * _TICKS_PER_SECOND))
