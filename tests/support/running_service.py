"""The service as an operator runs it: a process of its own, on real servers."""

import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet

import httpx
import pytest

from dev.free_port import free_port
from tests.support.databases import REDIS_SETTINGS
from tests.support.warm_start import WarmProcess, warm_python

RUNTIMES = "/api/v1/internal/runtimes"
READY_WITHIN = 20.0
STOPPED_WITHIN = 40.0
LINES_SHOWN = 60
# Created once: for each request of its own httpx reads all certificates of the machine, which
# takes longer than the request.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_POLL_SECONDS = 0.02


@dataclass(eq=False)
class RunningService:
    """One `rtmanager serve` process after another, always on the same address and settings.

    It listens on `host`; tests of who may connect choose an address of a Docker bridge. `program`
    is the module that runs and its arguments, for tests that need another launcher; `enter` is what
    runs the module elsewhere, as on a seat in a Swarm.
    """

    variables: Mapping[str, str]
    log_file: Path
    host: str = "127.0.0.1"
    port: int = field(default_factory=free_port)
    program: Sequence[str] = ("rtmanager", "serve")
    enter: Sequence[str] = ()
    _process: WarmProcess | None = None

    def __post_init__(self) -> None:
        """Register it, so that its log is shown when a test fails."""
        _in_use.add(self)

    @classmethod
    def of(cls, settings: Mapping[str, str], log_file: Path, *, host: str = "127.0.0.1") -> Self:
        """Return a service with these settings, not started yet."""
        variables = {f"RTMANAGER_{name.upper()}": settings[name] for name in settings}
        return cls(variables, log_file, host)

    @property
    def url(self) -> str:
        """Where the service answers."""
        return f"http://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        """The pid of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything that the processes have logged."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start the process and wait until it answers."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RTMANAGER_", "OTEL_"))
        }
        address = {"RTMANAGER_INTERNAL_HTTP_ADDR": f"{self.host}:{self.port}"}
        environment = {**inherited, **self.variables, **address}
        program = [*self.enter, *self.program]
        self._process = warm_python().start(program, environment, self.log_file)
        self._wait_until_healthy()

    def stop(self) -> int:
        """Ask the process to end with SIGTERM and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process as kill -9 does: nothing is finished, released or closed."""
        self._end(signal.SIGKILL)

    def wait_for_end(self, seconds: float) -> int:
        """Wait for the process to end by itself and return its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def restart(self) -> None:
        """Stop the process and start it again."""
        self.stop()
        self.start()

    def client(self, *, timeout: float = 60) -> httpx.Client:
        """Return a client of the service."""
        return httpx.Client(base_url=self.url, verify=NO_TLS, timeout=timeout)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request, on a connection of its own; the options are those of httpx."""
        return httpx.request(method, f"{self.url}{path}", verify=NO_TLS, **options)

    @contextmanager
    def using(self, program: Sequence[str], more: Mapping[str, str]) -> Iterator[None]:
        """Let every start in the block run another program, with more environment."""
        before = self.program, self.variables
        self.program, self.variables = program, {**self.variables, **more}
        try:
            yield
        finally:
            self.program, self.variables = before

    @contextmanager
    def replaced_by(self, program: Sequence[str], more: Mapping[str, str]) -> Iterator[None]:
        """Run another program in its place for the block, with more environment; then kill it."""
        self.stop()
        with self.using(program, more):
            try:
                self.start()
                yield
            finally:
                self.kill()

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            return process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the service did not stop:\n{self.log}") from None

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not self._is_healthy():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the service did not start:\n{self.log}")
            time.sleep(_POLL_SECONDS)

    def _is_healthy(self) -> bool:
        try:
            return self.request("GET", "/healthz").is_success
        except httpx.TransportError:
            return False


_in_use: WeakSet[RunningService] = WeakSet()


def latest_logs() -> list[tuple[str, str]]:
    """Return the address of each service in use, and the last lines of its log."""
    started = (each for each in _in_use if each.log_file.exists())
    return [
        (f"log of {each.url}", "\n".join(each.log.splitlines()[-LINES_SHOWN:])) for each in started
    ]


@pytest.fixture
def new_service(  # noqa: PLR0913, PLR0917 - one real server each
    database_dsn: str,
    redis_addr: str,
    docker_host: str,
    docker_network: str,
    demo_images: list[str],
    state_root: Path,
    tmp_path: Path,
) -> Iterator[Callable[..., RunningService]]:
    """Return a function that starts a service on real servers; its keywords override settings."""
    assert demo_images
    settings = {
        "postgres_primary_dsn": database_dsn,
        "redis_master_addr": redis_addr,
        **REDIS_SETTINGS,
        "docker_host": docker_host,
        "docker_network": docker_network,
        "game_state_root": str(state_root),
    }
    with ExitStack() as running:

        def start(**overrides: str) -> RunningService:
            log_file = tmp_path / f"service-{free_port()}.log"
            service = RunningService.of({**settings, **overrides}, log_file)
            running.callback(service.stop)
            service.start()
            return service

        yield start


@pytest.fixture
def running_service(new_service: Callable[..., RunningService]) -> RunningService:
    """Return a running service with default settings."""
    return new_service()
