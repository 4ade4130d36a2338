"""A node of a Swarm: dockerd on a machine of its own."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from dev.debian_packages import require_command
from dev.docker_host import START_SECONDS, why_unreachable
from dev.swarm.machine import Machine

API_VERSION = "1.41"
_NEEDED = {
    "dockerd": "docker.io",
    "docker-init": "tini",
    "unshare": "util-linux",
    "ip": "iproute2",
}


@dataclass(frozen=True)
class Node:
    """One engine; it listens on a unix socket in its directory."""

    machine: Machine

    @classmethod
    def of(cls, swarm: Path, name: str) -> "Node":
        """Return the node of this name in the directory of a Swarm, running or not."""
        return cls(Machine(name, swarm / name, f"{swarm.name}-{name}"))

    @property
    def name(self) -> str:
        """Its host name."""
        return self.machine.name

    @property
    def docker_host(self) -> str:
        """The address at which this machine reaches it."""
        return f"unix://{self.machine.directory / 'docker.sock'}"

    def start(self, echo: Callable[[str], None], *options: str) -> None:
        """Start it and wait until it answers; raise SetUpError."""
        for command, package in _NEEDED.items():
            require_command(command, package, echo)
        process = self.machine.boot(self._program(options))
        process.wait_until(
            lambda: why_unreachable(self.docker_host) is None,
            seconds=START_SECONDS,
            log_file=self.machine.log_file,
        )

    @contextmanager
    def api(self) -> Iterator[Any]:
        """Return a client for the block."""
        with closing(docker.APIClient(base_url=self.docker_host, version=API_VERSION)) as client:
            yield client

    def _program(self, options: Sequence[str]) -> Sequence[str]:
        return [
            *("dockerd", "--host", self.docker_host),
            *("--data-root", str(self.machine.directory / "data")),
            *("--cgroup-parent", f"/{self.machine.cgroup}"),
            # The group's name must be that of a slice if systemd were asked for it.
            *("--exec-opt", "native.cgroupdriver=cgroupfs"),
            *options,
        ]


def copy_images(source: str, target: str, repository: str) -> None:
    """Copy every image of a repository from a Docker host to another: there they have the same ids.

    Engines are pinned by these ids, so they must be the same on all nodes.
    """
    with (
        closing(docker.APIClient(base_url=source)) as giving,
        closing(docker.APIClient(base_url=target)) as taking,
    ):
        loaded = taking.load_image(  # type: ignore[no-untyped-call]
            giving.get_image(repository)
        )
        deque(loaded, maxlen=0)
