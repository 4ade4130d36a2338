"""Stop the dockerd that an environment left running: `python -m rtmanager.dev.stop_docker DIR`."""

import sys
from collections.abc import Callable
from pathlib import Path

from rtmanager.dev.docker_engine import DEFAULT_HOST, DockerEngine, started_here


def stop_docker(directory: Path, echo: Callable[[str], None]) -> None:
    """Stop the dockerd that was started for the directory; leave any other alone."""
    process = started_here(directory)
    if process is None:
        echo("No dockerd runs that `make run` started here.")
        return
    echo(f"Stopping dockerd (pid {process.pid}) and with it every engine ...")
    DockerEngine(DEFAULT_HOST, process).stop()


if __name__ == "__main__":
    stop_docker(Path(sys.argv[1]), print)
