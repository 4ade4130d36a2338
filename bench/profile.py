"""Flame graphs of the service under load: `python -m bench.profile get`."""

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench import get, lists, post, starts
from bench.arguments import one_of
from bench.environment import bench_environment, console
from bench.fleet import insert_removed
from bench.fleet_environment import fleet_environment
from bench.jobs import running_games
from bench.server_process import ServerProcess
from bench.wrk import Request, send

SECONDS = 10
RATE = 250
"""Samples per second."""
GAMES, JOB_GAMES, JOBS = 1_000, 20, 1_000
DIRECTORY = Path(__file__).parents[1] / ".rtmanager/profiles"
_PY_SPY = str(Path(sys.executable).parent / "py-spy")


def main() -> None:
    """Record the paths that were asked for, all of them by default."""
    parser = argparse.ArgumentParser("bench.profile", description=__doc__)
    parser.add_argument("paths", nargs="*", type=one_of(PATHS), metavar="|".join(PATHS))
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for path in parser.parse_args().paths or PATHS:
        file = DIRECTORY / f"{path}.svg"
        PATHS[path](file)
        console.print(f"{path}: {file}")


def _record(file: Path, *what: str, environment: Mapping[str, str] = os.environ) -> None:
    """Record a flame graph of what holds Python's lock, which is what limits a process."""
    options = ("--gil", f"--rate={RATE}", f"--duration={SECONDS}", f"--output={file}")
    command = [_PY_SPY, "record", *options, *what]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode or not file.is_file():
        raise RuntimeError(f"py-spy failed: {ran.stderr}")


def _under(load: Callable[[], AbstractContextManager[ServerProcess]]) -> Callable[[Path], None]:
    """Return what records a path while there is load on it."""

    def record(file: Path) -> None:
        with load() as service:
            _record(file, "--pid", str(service.pid))

    return record


@contextmanager
def _repeated(work: Callable[[], object]) -> Iterator[None]:
    """Repeat the work in a thread for the block; raise what it raises."""
    is_over = threading.Event()

    def repeat() -> None:
        while not is_over.is_set():
            work()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(repeat)
        try:
            yield
        finally:
            is_over.set()
            running.result()


@contextmanager
def _requests(request: Request) -> Iterator[ServerProcess]:
    with bench_environment() as environment:
        service = environment.service
        service.start()
        games = insert_removed(environment.dsn, GAMES)
        with _repeated(lambda: send(service.url, request, games, connections=16, seconds=SECONDS)):
            yield service


@contextmanager
def _lists() -> Iterator[ServerProcess]:
    with bench_environment() as environment:
        environment.service.start()
        insert_removed(environment.dsn, GAMES)
        with _repeated(lambda: lists.listed(environment.service)):
            yield environment.service


@contextmanager
def _jobs() -> Iterator[ServerProcess]:
    with running_games(JOB_GAMES, JOBS) as (environment, lobby, games):

        def replay() -> None:
            lobby.queue(games, JOBS)
            list(lobby.results(JOBS))

        with _repeated(replay):
            yield environment.service


@contextmanager
def _starts() -> Iterator[ServerProcess]:
    with bench_environment() as environment:
        environment.service.start()
        with _repeated(lambda: starts.started(environment, starts.new_game())):
            yield environment.service


def _boot(file: Path) -> None:
    with fleet_environment(GAMES) as fleet:
        service = fleet.bench.service
        _record(file, "--", *service.command, environment=service.environment)


PATHS: Mapping[str, Callable[[Path], None]] = {
    "get": _under(lambda: _requests(get.GET)),
    "list": _under(_lists),
    "post": _under(lambda: _requests(post.PATCH)),
    "jobs": _under(_jobs),
    "start": _under(_starts),
    "boot": _boot,
}


if __name__ == "__main__":
    main()
