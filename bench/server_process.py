"""A server that is measured: the service or one of its peers, a process of its own."""

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from dev.free_port import free_port

READY_WITHIN, STOPPED_WITHIN = 30.0, 40.0
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For httpx, which would read all certificates of the machine; there is no TLS here."""
_POLL_SECONDS = 0.01
_PROJECT = Path(__file__).parents[1]
_COMPILED = _PROJECT / ".rtmanager/compiled"


@dataclass(eq=False)
class ServerProcess:
    """One Python module after another run as `python -m`, always on the same address.

    `{port}` in the arguments and in the variables is replaced.
    """

    name: str
    module: Sequence[str]
    variables: Mapping[str, str]
    log_file: Path
    health: str = "/healthz"
    ready_within: float = READY_WITHIN
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The pid of the running process; raises RuntimeError when there is none."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything that the processes have logged."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def command(self) -> Sequence[str]:
        """What is run."""
        return [sys.executable, "-m", *(each.format(port=self.port) for each in self.module)]

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of the process: this one's, without settings, and its own variables.

        Modules are compiled once, as installed ones are, whatever this environment says.
        """
        others = ("RTMANAGER_", "OTEL_", "PYTHONDONTWRITEBYTECODE")
        ours = {name: each for name, each in os.environ.items() if not name.startswith(others)}
        own = {name: each.format(port=self.port) for name, each in self.variables.items()}
        return {**ours, "PYTHONPYCACHEPREFIX": str(_COMPILED), **own}

    def start(self) -> float:
        """Start the process, wait until it answers, and return how many seconds that took.

        Raises RuntimeError when it ends before, or takes too long.
        """
        began = time.perf_counter()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=_PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait_until_healthy(began + self.ready_within)
        return time.perf_counter() - began

    def stop(self) -> None:
        """Ask the process to end and wait for it; no-op when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"{self.name} did not stop: {self._last_lines()}") from None

    def cpu_seconds(self) -> float:
        """Return the seconds of CPU that the process has used so far."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def resident_mib(self) -> float:
        """Return the resident memory of the process in MiB."""
        return psutil.Process(self.pid).memory_info().rss / (1 << 20)

    def peak_mib(self) -> float:
        """Return the highest resident memory since the process began in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM:"))
        return int(peak) / 1024

    def _wait_until_healthy(self, deadline: float) -> None:
        while not self._is_healthy():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.perf_counter() > deadline:
                self.stop()
                raise RuntimeError(f"{self.name} did not start: {self._last_lines()}")
            time.sleep(_POLL_SECONDS)

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}{self.health}", verify=NO_TLS, timeout=5).is_success
        except httpx.TransportError:
            return False

    def _last_lines(self) -> str:
        return " | ".join(self.log.splitlines()[-5:])
