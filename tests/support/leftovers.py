"""The end of a test run: everything that it left behind is found by its mark and removed."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import docker
import psutil

from dev.debian_packages import require_command
from dev.demo_images import ensure_demo_images
from dev.docker_host import DEFAULT_ADDRESS, TEST_RUNS, DockerUse, ensure_docker, why_unreachable
from dev.swarm.store import STORE, remove, remove_abandoned
from tests.support.run import MARK, NAME_OF_A_RUN, Say, unmarked

ENDED_WITHIN = 5.0
"""Seconds for a process to end that was asked to."""
_POLL_SECONDS = 0.05


class KeptByDocker(Exception):
    """Docker keeps a network although it is empty, until dockerd is restarted."""


@dataclass(frozen=True)
class Leftover:
    """Something that still exists when it should be gone, and how to remove it."""

    name: str
    remove: Callable[[], object]


def processes_of(run: Path) -> list[Leftover]:
    """Return the processes that carry the mark of the run, after giving them time to end."""
    deadline = time.monotonic() + ENDED_WITHIN
    while (found := list(_marked_processes(run))) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return found


def docker_things_of(run: Path, host: str) -> list[Leftover]:
    """Return the run's containers, networks, volumes and images, in the order of their removal.

    The run's name is in their names, in their labels, in the name of their network, or in the
    path of what they mount.
    """
    if why_unreachable(host) is not None:
        return []
    with closing(docker.APIClient(base_url=host)) as client:
        return [
            Leftover(f"{kind} {name}", partial(_remove, host, kind, name))
            for kind, name in _things(client, run.name)
        ]


def directory_of(run: Path) -> list[Leftover]:
    """Return the run's directory if it exists."""
    return [Leftover(f"directory {run}", partial(shutil.rmtree, run))] if run.exists() else []


def docker_things_of_dead_runs(host: str) -> list[Leftover]:
    """Return what finished runs have left in Docker: runs without a directory and processes."""
    with closing(docker.APIClient(base_url=host)) as client:
        every = json.dumps([client.containers(all=True), client.networks(), client.images()])
    here = Path(tempfile.gettempdir())
    runs = set(NAME_OF_A_RUN.findall(every)) - _living_runs()
    dead = [here / run for run in runs if not (here / run).exists()]
    return [thing for run in dead for thing in docker_things_of(run, host)]


def _living_runs() -> set[str]:
    """Return the names of the runs that have processes, wherever their directories are."""
    environments = (process.info["environ"] or {} for process in psutil.process_iter(["environ"]))
    return {run for each in environments for run in NAME_OF_A_RUN.findall("\n".join(each.values()))}


def removed(leftovers: Sequence[Leftover], say: Say) -> list[str]:
    """Remove the leftovers and return their names, with the reason if one cannot be removed."""
    return [said for each in leftovers if (said := _removed(each, say))]


class WholeRun:
    """A test run: it has a directory, and keeps Docker from being stopped."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir()
        # Postgres runs as another user, who must be able to enter.
        directory.chmod(0o711)
        self._docker = DockerUse()

    def prepare(self, say: Say) -> None:
        """Install, start and build once what all workers of the run use."""
        host = start_docker(say)
        remove_abandoned()
        removed(docker_things_of_dead_runs(host), say)
        ensure_demo_images(host, say)
        require_command("docker-registry", "docker-registry", say)

    def end(self, say: Say) -> list[str]:
        """Stop what the run has started, and return the names of everything else that was left."""
        remove(STORE / self._directory.name)
        left = removed(processes_of(self._directory), say)
        left += self._end_docker(say)
        shutil.rmtree(self._directory, ignore_errors=True)
        return left + removed(directory_of(self._directory), say)

    def _end_docker(self, say: Say) -> list[str]:
        """Remove leftovers in Docker, and stop it; return their names.

        What Docker refuses to remove can be removed after a restart, unless others are using it.
        """
        host = os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS
        left = removed(docker_things_of(self._directory, host), say)
        is_kept = bool(docker_things_of(self._directory, host))
        if self._docker.end(say) and is_kept:
            again = DockerUse()
            removed(docker_things_of(self._directory, start_docker(say)), say)
            left += [each.name for each in docker_things_of(self._directory, host)]
            again.end(say)
        return left


def start_docker(say: Say) -> str:
    """Return the address of a Docker daemon, started for all runs if there was none."""
    with unmarked():
        return ensure_docker(TEST_RUNS, say).address


def _removed(leftover: Leftover, say: Say) -> str:
    try:
        leftover.remove()
    except KeptByDocker as kept:
        say(f"{leftover.name} is empty, and stays until dockerd is restarted: {kept}")
        return ""
    except (OSError, psutil.Error, docker.errors.DockerException) as fault:
        return f"{leftover.name} (and it stays: {fault})"
    return leftover.name


def _marked_processes(run: Path) -> Iterator[Leftover]:
    for process in psutil.process_iter(["environ", "cmdline"]):
        # A process that has ended since, or belongs to somebody else, has no readable environment.
        mark = (process.info["environ"] or {}).get(MARK)
        if mark == str(run) and process.pid != os.getpid():
            command = " ".join(process.info["cmdline"] or [])
            yield Leftover(f"process {process.pid}: {command}", process.kill)


def _things(client: docker.APIClient, run: str) -> Iterator[tuple[str, str]]:
    for container in client.containers(all=True):
        if _belongs(container, run):
            yield "container", container["Names"][0].removeprefix("/")
    for network in client.networks():
        if _belongs(network, run):
            yield "network", network["Name"]
    for volume in client.volumes()["Volumes"] or []:
        if _belongs(volume, run):
            yield "volume", volume["Name"]
    for image in client.images():
        if _belongs(image, run):
            yield "image", image["Id"]


def _belongs(thing: Any, run: str) -> bool:
    return run in json.dumps(thing)


def _remove(host: str, kind: str, name: str) -> None:
    with closing(docker.APIClient(base_url=host)) as client:
        if kind == "container":
            client.remove_container(name, force=True, v=True)
        elif kind == "network":
            _remove_network(client, name)
        elif kind == "volume":
            client.remove_volume(name)
        else:
            client.remove_image(name, force=True)


def _remove_network(client: docker.APIClient, name: str) -> None:
    try:
        client.remove_network(name)
    except docker.errors.APIError as refusal:
        if refusal.is_client_error() and not client.inspect_network(name)["Containers"]:
            raise KeptByDocker(refusal.explanation) from refusal
        raise
