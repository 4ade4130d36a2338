"""A node of a Swarm: dockerd on a machine of its own."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.types import IPAMConfig, IPAMPool

from dev.checkout import networks_named
from dev.debian_packages import require_command
from dev.docker_host import START_SECONDS, why_unreachable
from dev.swarm.machine import Machine
from dev.swarm.store import machine_of

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
    def of(cls, swarm: Path, name: str, address: str) -> "Node":
        """Return a node of the Swarm in a directory, running or not."""
        return cls(machine_of(swarm, name, address))

    @property
    def name(self) -> str:
        """Its host name."""
        return self.machine.name

    @property
    def docker_host(self) -> str:
        """The address at which this machine reaches it."""
        return f"unix://{self.machine.directory / 'docker.sock'}"

    def start(
        self, connect: Callable[[Machine], None], echo: Callable[[str], None], *options: str
    ) -> None:
        """Start it, let it be connected, and wait until it answers; raise SetUpError."""
        for command, package in _NEEDED.items():
            require_command(command, package, echo)
        process = self.machine.boot(self._program(options))
        connect(self.machine)
        process.wait_until(
            lambda: why_unreachable(self.docker_host) is None,
            seconds=START_SECONDS,
            log_file=self.machine.log_file,
        )

    def init_swarm(self) -> None:
        """Make it the first manager of a new Swarm."""
        with self.api() as api:
            api.init_swarm(**self._addresses())

    def join(self, manager: "Node", *, is_manager: bool) -> None:
        """Make it one more manager, or a worker."""
        with manager.api() as api:
            token = api.inspect_swarm()["JoinTokens"]["Manager" if is_manager else "Worker"]
        with self.api() as api:
            api.join_swarm([f"{manager.machine.address}:2377"], token, **self._addresses())

    @contextmanager
    def api(self) -> Iterator[Any]:
        """Return a client for the block."""
        with closing(docker.APIClient(base_url=self.docker_host, version=API_VERSION)) as client:
            yield client

    def _addresses(self) -> dict[str, str]:
        address = self.machine.address
        return {"advertise_addr": address, "listen_addr": f"{address}:2377"}

    def _program(self, options: Sequence[str]) -> Sequence[str]:
        return [
            *("dockerd", "--host", self.docker_host),
            *("--data-root", str(self.machine.directory / "data")),
            *("--cgroup-parent", f"/{self.machine.cgroup}"),
            # Of old engines only the daemon can ask for it: they ignore what a service asks for.
            "--no-new-privileges",
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


def ensure_overlay(node: Node, name: str, subnet: str | None = None) -> None:
    """Create an overlay network, to which plain containers can be attached, unless it exists.

    By default it has 256 addresses, of which every engine and every node takes one.
    """
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet)]) if subnet else None
    with node.api() as api:
        if not networks_named(api, name):
            api.create_network(name, driver="overlay", attachable=True, ipam=ipam)
