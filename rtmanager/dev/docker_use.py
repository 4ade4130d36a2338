"""A dockerd that several test runs use: started by the first, stopped by the last."""

import fcntl
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import docker

from rtmanager.dev.docker_engine import DEFAULT_HOST, DockerEngine, started_here
from rtmanager.dev.machine_lock import open_lock

DIRECTORY = Path("/run/rtmanager-test-docker")
"""Where a test run that starts dockerd keeps its log and its pid."""


class DockerUse:
    """The use that one run makes of the Docker engine, from its construction on."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory
        self._lock = open_lock("docker-use")
        fcntl.flock(self._lock, fcntl.LOCK_SH)  # waits while a run that ends stops dockerd

    def end(self, echo: Callable[[str], None]) -> bool:
        """Stop the dockerd that test runs have started, unless somebody else still uses it.

        Return whether it was stopped.
        """
        with self._lock:
            process = started_here(self._directory) if self._is_last() else None
            if process is None:
                return False
            if _containers_run():
                echo(f"dockerd (pid {process.pid}) runs on: there are containers on it.")
                return False
            DockerEngine(DEFAULT_HOST, process).stop()
            shutil.rmtree(self._directory)
            return True

    def _is_last(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _containers_run() -> bool:
    with closing(docker.APIClient(base_url=DEFAULT_HOST)) as client:
        return bool(client.containers(quiet=True))
