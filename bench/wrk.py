"""The load generator: wrk on one thread, with every answer checked."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from bench.environment import console
from dev.debian_packages import require_command

_SCRIPT = Path(__file__).parent / "load/requests.lua"


@dataclass(frozen=True)
class Request:
    """What is sent, with `%s` for the game, and what each answer must be and contain."""

    method: str
    path: str
    status: int
    contains: str
    body: str = ""


@dataclass(frozen=True)
class Load:
    """The result of one run; times in seconds."""

    answers: int
    seconds: float
    median: float
    p99: float

    @property
    def per_second(self) -> float:
        """Return the answers per second."""
        return self.answers / self.seconds


def send(
    url: str, request: Request, games: Sequence[str], *, connections: int, seconds: int
) -> Load:
    """Send the request for the games in turn, as fast as the answers come.

    Raises RuntimeError when one answer is not as expected, or is missing.
    """
    with NamedTemporaryFile("w", prefix="galaxy-bench-") as listed:
        listed.write("\n".join(games))
        listed.flush()
        wrk = ("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s")
        what = (request.method, request.path, str(request.status), request.contains, request.body)
        return _run([*wrk, "-s", str(_SCRIPT), url, "--", *what, listed.name])


def _run(command: Sequence[str]) -> Load:
    require_command("wrk", "wrk", console.print)
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"wrk failed: {ran.stderr} {ran.stdout}")
    found = json.loads(ran.stdout.splitlines()[-1])
    if found["wrong"] or found["lost"] or not found["answers"]:
        raise RuntimeError(f"not every answer was right: {found}, for example {ran.stderr}")
    return Load(found["answers"], found["seconds"], found["median"], found["p99"])
