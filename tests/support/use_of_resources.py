"""What a process uses while it is under attack, and how fast it answers meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import psutil

from tests.support.running_service import RunningService

_PAUSE = 0.01
_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Use:
    """What a process uses at one moment."""

    megabytes: float
    descriptors: int
    callers: int
    """Connections to its port."""

    @classmethod
    def of(cls, service: RunningService) -> "Use":
        """Measure a running service."""
        process = psutil.Process(service.pid)
        accepted = [
            each
            for each in process.net_connections("tcp")
            if each.status != psutil.CONN_LISTEN and each.laddr.port == service.port
        ]
        return cls(process.memory_info().rss / _MEGABYTE, process.num_fds(), len(accepted))

    def __str__(self) -> str:
        """Return memory and descriptors in one phrase."""
        return f"{self.megabytes:.0f} MB, {self.descriptors} descriptors"


@dataclass
class HealthChecks:
    """The times of the health checks, in milliseconds, and what went wrong."""

    times: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def quantile(self, part: float) -> float:
        """Return the time within which this part of them was answered."""
        return sorted(self.times)[int(part * (len(self.times) - 1))]

    def __str__(self) -> str:
        """Return their number and times in one phrase."""
        p50, p99, most = (self.quantile(part) for part in (0.5, 0.99, 1.0))
        times = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {most:.1f} ms"
        return f"{len(self.times)} health checks, {times}"


@contextmanager
def health_checked(service: RunningService) -> Iterator[HealthChecks]:
    """Ask for the health during the block again and again, each time on a new connection."""
    checks, ended = HealthChecks(), threading.Event()

    def check() -> None:
        while not ended.wait(_PAUSE):
            began = time.perf_counter()
            try:
                checks.faults += _health(service)
            except (OSError, HTTPException) as fault:
                checks.faults.append(repr(fault))
            checks.times.append((time.perf_counter() - began) * 1000)

    thread = threading.Thread(target=check)
    thread.start()
    try:
        yield checks
    finally:
        ended.set()
        thread.join()


def _health(service: RunningService) -> list[str]:
    """Ask once; return the status unless it is 200. This takes less time than with httpx."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    finally:
        connection.close()
    return [] if status == HTTPStatus.OK else [str(status)]
