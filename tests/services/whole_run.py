"""The beginning and the end of a whole run of the tests, in the process that leads it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from dev.debian_packages import require_command
from dev.demo_images import ensure_demo_images
from dev.docker_host import DEFAULT_ADDRESS, TEST_RUNS, DockerUse, ensure_docker
from tests.services.leftovers import (
    directory_of,
    docker_things_of,
    docker_things_of_dead_runs,
    processes_of,
    removed,
)
from tests.services.run import unmarked

Echo = Callable[[str], None]


class WholeRun:
    """A run that has begun: its directory exists, and nobody stops dockerd under it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        # Postgres runs as another user, who must be able to enter.
        directory.chmod(0o711)
        self._docker = DockerUse()

    def prepare(self, echo: Echo) -> None:
        """Install, start and build once what the workers of the run use together."""
        host = start_docker(echo)
        removed(docker_things_of_dead_runs(host), echo)
        ensure_demo_images(host, echo)
        require_command("docker-registry", "docker-registry", echo)

    def end(self, echo: Echo) -> list[str]:
        """Stop what the run has started, and return the names of what else was left."""
        left = removed(processes_of(self._directory), echo)
        left += self._end_docker(echo)
        shutil.rmtree(self._directory, ignore_errors=True)
        return left + removed(directory_of(self._directory), echo)

    def _end_docker(self, echo: Echo) -> list[str]:
        """Remove what was left in Docker, and stop it; return the names of what was left.

        What it would not let go, it does once it is started anew, unless others are using it.
        """
        host = os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS
        left = removed(docker_things_of(self._directory, host), echo)
        is_kept = bool(docker_things_of(self._directory, host))
        if self._docker.end(echo) and is_kept:
            again = DockerUse()
            removed(docker_things_of(self._directory, start_docker(echo)), echo)
            left += [each.name for each in docker_things_of(self._directory, host)]
            again.end(echo)
        return left


def start_docker(echo: Echo) -> str:
    """Return the address of a Docker host, started for all runs if there was none."""
    with unmarked():
        return ensure_docker(TEST_RUNS, echo).address
