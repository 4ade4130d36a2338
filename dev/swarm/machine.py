"""A machine within this one: namespaces of its own, which end with its first process.

It sees the files of this machine. Processes, network, mounts and host name are its own, so one
signal ends everything that it is, as a loss of power does: programs, containers, interfaces, packet
filters, mounts. Only directories stay: its own, and those of its control groups.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from dev.background_process import POLL_SECONDS, BackgroundProcess

BOOT = Path(__file__).with_name("boot.sh")
CGROUPS = Path("/sys/fs/cgroup")
BOOTED_WITHIN = 10.0
GONE_WITHIN = 20.0
"""Seconds for the kernel to clear up after a kill, on a busy host."""
# Mounts that are made here appear there, never the other way round.
_UNSHARE = (
    *("unshare", "--net", "--uts", "--ipc", "--mount", "--propagation", "slave"),
    *("--pid", "--mount-proc", "--fork", "--kill-child"),
)


@dataclass(frozen=True)
class Machine:
    """A machine, running or not; its directory and its control group are its own."""

    name: str
    address: str
    directory: Path
    cgroup: str

    @property
    def log_file(self) -> Path:
        """The output of its program."""
        return self.directory / "log"

    @property
    def process(self) -> BackgroundProcess | None:
        """The process that ends with it, None if it is off."""
        return BackgroundProcess.find(self._pid_file)

    @property
    def is_on(self) -> bool:
        """Return whether it runs."""
        return self.process is not None

    def boot(self, program: Sequence[str]) -> BackgroundProcess:
        """Start it with its one program, with which it ends.

        The program waits until the machine has been given its address.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        process = BackgroundProcess.start(
            [*_UNSHARE, str(BOOT), self.name, self.address, *program],
            pid_file=self._pid_file,
            log_file=self.log_file,
        )
        process.wait_until(
            lambda: bool(self._first_process(process)),
            seconds=BOOTED_WITHIN,
            log_file=self.log_file,
        )
        return process

    def ip(self, command: str) -> None:
        """Change its network as `ip` does."""
        subprocess.run(["nsenter", f"--net={self.network()}", "ip", *command.split()], check=True)

    def power_off(self) -> None:
        """End everything on it at once, and wait until it is gone; no-op when it is off."""
        process = self.process
        if process is not None:
            inner = self._first_process(process)
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            psutil.wait_procs(inner, timeout=GONE_WITHIN)
        if process is not None:
            process.stop(seconds=0)
        self._pid_file.unlink(missing_ok=True)
        _remove_control_groups(self.cgroup)

    def pid(self) -> int:
        """Return the pid of its first process, as it is seen from here."""
        process = self.process
        inner = self._first_process(process) if process else []
        if not inner:
            raise RuntimeError(f"{self.name} is off")
        return int(inner[0].pid)

    def network(self) -> Path:
        """Return its network namespace."""
        return Path(f"/proc/{self.pid()}/ns/net")

    def path(self, path: str) -> Path:
        """Return where a path on it is, seen from here."""
        # Its /var/run is a link, which would lead from there to this machine's /run.
        inner = path.replace("/var/run/", "/run/", 1)
        return Path(f"/proc/{self.pid()}/root{inner}")

    @property
    def _pid_file(self) -> Path:
        return self.directory / f"{self.name}.pid"

    @staticmethod
    def _first_process(process: BackgroundProcess) -> list[psutil.Process]:
        try:
            return psutil.Process(process.pid).children()
        except psutil.NoSuchProcess:
            return []


def _remove_control_groups(name: str) -> None:
    deadline = time.monotonic() + GONE_WITHIN
    while any(list(map(_remains, _control_groups(name)))) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _control_groups(name: str) -> Iterator[Path]:
    """Yield a group in every hierarchy, of either version, each after those within it."""
    tops = [CGROUPS / name, *(each / name for each in CGROUPS.iterdir() if each.is_dir())]
    for top in filter(Path.is_dir, tops):
        yield from (Path(each) for each, _, _ in os.walk(top, topdown=False))


def _remains(group: Path) -> bool:
    """Remove a group; return whether it is still there, as for a moment after a kill."""
    try:
        group.rmdir()
    except OSError:
        return group.is_dir()
    return False
