"""A load of every kind on two replicas behind a balancer, of which each call has to succeed."""

import os
import secrets
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import httpx

from dev.debian_packages import require_command
from dev.free_port import free_port
from tests.acceptance.streams import Lobby
from tests.support.calls import wait_until
from tests.support.environment import Environment, image_of
from tests.support.run import PROJECT, Say
from tests.support.running_service import NO_TLS, RUNTIMES

CONFIGURATION = PROJECT / "deploy/haproxy/haproxy.cfg"
UP_WITHIN = 30.0
PAUSE = 0.02
JOB_WITHIN = 60.0

Call = tuple[str, str, dict[str, str] | None]

CALLS: Sequence[Call] = (
    ("POST", "start", {"image_ref": image_of("1.4.7")}),
    ("GET", "", None),
    ("POST", "patch", {"image_ref": image_of("1.4.8")}),
    ("POST", "restart", None),
    ("GET", "", None),
    ("POST", "stop", {"reason": "finished"}),
)
"""What each caller asks for about its game, again and again."""


@dataclass(frozen=True)
class Balancer:
    """Debian's haproxy, with the configuration that operators are given."""

    url: str
    socket: Path

    def wait_until_up(self, replica: int) -> None:
        """Wait until it sends requests to the replica."""
        wait_until(lambda: self._status(replica) == "UP", seconds=UP_WITHIN)

    def _status(self, replica: int) -> str:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket))) as client:
            rows = client.get("http://haproxy/;csv").text.splitlines()
        cells = [row.split(",") for row in rows if row.startswith(f"replicas,replica-{replica},")]
        return cells[0][17] if cells else ""


@contextmanager
def balancer(
    directory: Path, replicas: Sequence[Environment], say: Say, *, reuses: bool
) -> Iterator[Balancer]:
    """Run haproxy before the replicas for the block; it may keep connections to them."""
    program = require_command("haproxy", "haproxy", say)
    port, socket = free_port(), directory / "stats.sock"
    text = CONFIGURATION.read_text()
    if reuses:
        text = text.replace("    option http-server-close\n", "    http-reuse always\n")
    (directory / "haproxy.cfg").write_text(text)
    (directory / "stats.cfg").write_text(
        f"frontend stats\n    bind unix@{socket}\n    stats enable\n    stats uri /\n"
    )
    variables = {
        "RTM_BIND": f"127.0.0.1:{port}",
        **{f"RTM_REPLICA_{n}": f"127.0.0.1:{r.service.port}" for n, r in enumerate(replicas, 1)},
    }
    files = [option for name in ("haproxy", "stats") for option in ("-f", f"{name}.cfg")]
    with (directory / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-db", *files],
            cwd=directory,
            env={**os.environ, **variables},
            stdout=log,
            stderr=log,
        )
        try:
            made = Balancer(f"http://127.0.0.1:{port}", socket)
            wait_until(socket.exists)
            for number, _ in enumerate(replicas, 1):
                made.wait_until_up(number)
            yield made
        finally:
            process.kill()
            process.wait()


@dataclass
class MixedLoad:
    """Callers that each have a game of their own, so that whatever fails is the service's fault."""

    url: str
    lobby: Lobby
    failures: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    jobs: list[tuple[str, str]] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, callers: Sequence[str], job_games: Sequence[str]) -> Iterator[None]:
        """Call and send jobs about these games in the block, then let everything end."""
        work: list[Callable[[], None]] = [
            *(
                lambda game=game, n=n: self._call_about(game, keeps=n % 2 == 0)
                for n, game in enumerate(callers)
            ),
            *(lambda game=game: self._send_jobs_about(game) for game in job_games),
            lambda: self._read(keeps=True),
            lambda: self._read(keeps=False),
        ]
        with ThreadPoolExecutor(len(work)) as pool:
            running: list[Future[None]] = [pool.submit(each) for each in work]
            try:
                yield
            finally:
                self._is_over.set()
        for each in running:
            each.result()

    @property
    def summary(self) -> str:
        """How many of each were made."""
        made = ", ".join(f"{number} {name}" for name, number in sorted(self.counts.items()))
        return f"{made}; {len(self.jobs)} jobs"

    def _call_about(self, game: str, *, keeps: bool) -> None:
        with self._client(keeps=keeps) as client:
            for method, verb, body in cycle(CALLS):
                if self._is_over.is_set():
                    return
                path = f"{RUNTIMES}/{game}/{verb}".rstrip("/")
                self._ask(client, method, path, (game, verb), body)

    def _read(self, *, keeps: bool) -> None:
        with self._client(keeps=keeps) as client:
            while not self._is_over.is_set():
                self._ask(client, "GET", RUNTIMES, ("", ""), None)
                time.sleep(PAUSE)

    def _ask(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        about: tuple[str, str],
        body: dict[str, str] | None,
    ) -> None:
        request_id = secrets.token_hex(8)
        began = time.monotonic()
        try:
            answer = client.request(method, path, json=body, headers={"X-Request-Id": request_id})
            fault = "" if answer.status_code == 200 else f"{answer.status_code} {answer.text}"
        except httpx.TransportError as error:
            fault = repr(error)
        if fault:
            seconds = time.monotonic() - began
            self.failures.append(f"{method} {path} after {seconds:.2f} s: {fault}")
        self.counts[about[1] or method] += 1
        if about[1]:
            self.requests.append((*about, request_id))

    def _send_jobs_about(self, game: str) -> None:
        for send in cycle((self.lobby.start, self.lobby.stop)):
            if self._is_over.is_set():
                return
            job = send(game)
            self.jobs.append((game, job))
            result = self.lobby.result(job, seconds=JOB_WITHIN)
            if result["outcome"] != "success":
                self.failures.append(f"job {job} about {game}: {result}")

    @contextmanager
    def _client(self, *, keeps: bool) -> Iterator[httpx.Client]:
        """Return a client that keeps its connection, or opens one for each request."""
        limits = httpx.Limits(max_keepalive_connections=1 if keeps else 0)
        with ExitStack() as stack:
            yield stack.enter_context(
                httpx.Client(base_url=self.url, verify=NO_TLS, timeout=90, limits=limits)
            )
