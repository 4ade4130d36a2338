"""What runs the engines: one Docker host, or a Swarm of them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.adapters.docker.credentials import RegistryCredentials
from rtmanager.adapters.docker.events import DockerContainerEvents
from rtmanager.adapters.docker.host import DockerContainerHost
from rtmanager.adapters.single_host import SingleHost
from rtmanager.adapters.swarm.events import SwarmContainerEvents
from rtmanager.adapters.swarm.host import SwarmContainerHost
from rtmanager.adapters.swarm.http_api import HttpSwarmApi
from rtmanager.adapters.swarm.managers import Managers
from rtmanager.adapters.swarm.nodes import SwarmNodes
from rtmanager.adapters.swarm.pinned_images import PinnedImages
from rtmanager.adapters.swarm.service_outputs import ServiceOutputs
from rtmanager.adapters.system_clock import SystemClock
from rtmanager.bootstrap.advice import docker_advice
from rtmanager.bootstrap.policies import swarm_policy
from rtmanager.bootstrap.service import StartupError
from rtmanager.config import Settings
from rtmanager.domain.errors import DockerUnavailable, RuntimeManagerError
from rtmanager.domain.ports.cluster_nodes import ClusterNodes
from rtmanager.domain.ports.container_events import ContainerEvents
from rtmanager.domain.ports.container_host import ContainerHost

_NO_MANAGER = re.compile("not a swarm manager", re.IGNORECASE)


class Platform(Protocol):
    """The ports of whatever runs the engines, opened and closed together."""

    name: str

    @property
    def host(self) -> ContainerHost:
        """The containers."""

    @property
    def nodes(self) -> ClusterNodes:
        """The nodes, if it has any."""

    @property
    def events(self) -> ContainerEvents:
        """The events of containers."""

    async def open(self) -> None:
        """Check that engines can run. Raises StartupError, DockerUnavailable."""

    async def close(self) -> None:
        """Close all connections."""

    def advice(self, error: RuntimeManagerError) -> str:
        """Return what to check for an error."""


class SingleDocker:
    """One Docker host."""

    name = "docker"

    def __init__(self, settings: Settings) -> None:
        self._client = docker_client(settings)
        self._network = settings.docker_network
        self._runtime = settings.docker_runtime
        self.host = DockerContainerHost(
            self._client,
            network=settings.docker_network,
            start_concurrency=settings.docker_start_concurrency,
            docker_config_file=_text(settings.docker_config_file),
        )
        self.nodes = SingleHost()
        self.events = DockerContainerEvents(self._client)

    async def open(self) -> None:
        """Check the daemon, the network and the runtime."""
        await self.host.ping()
        if not await self.host.network_exists():
            raise StartupError(
                f"the Docker network {self._network} does not exist; make it with "
                f"`docker network create {self._network}` or set RTMANAGER_DOCKER_NETWORK"
            )
        await self._check_runtime()

    async def close(self) -> None:
        """Close all connections."""
        await self.host.aclose()

    def advice(self, error: RuntimeManagerError) -> str:
        """Return what to check for an error."""
        return docker_advice(error, self._client.host)

    async def _check_runtime(self) -> None:
        """Raise unless Docker knows the runtime; newer daemons also accept unlisted shims."""
        runtime = self._runtime
        if runtime is None or runtime.startswith("io.containerd."):
            return
        known = await self.host.runtimes()
        if runtime not in known:
            raise StartupError(
                f"the Docker daemon has no runtime {runtime}, only {', '.join(known)}; install it "
                "in the daemon's configuration or set RTMANAGER_DOCKER_RUNTIME"
            )


class Swarm:
    """The managers of a Swarm."""

    name = "swarm"

    def __init__(self, settings: Settings) -> None:
        self._managers = Managers(docker_clients(settings), timeout=settings.docker_timeout)
        self._network = settings.docker_network
        self._addresses = settings.docker_host
        api = HttpSwarmApi(self._managers)
        credentials = RegistryCredentials(
            _text(settings.docker_config_file), limit=settings.docker_timeout
        )
        images = PinnedImages(self._managers, credentials)
        outputs, clock = ServiceOutputs(api, self._managers), SystemClock()
        self.host = SwarmContainerHost(api, images, outputs, clock, swarm_policy(settings))
        self.nodes = SwarmNodes(api)
        self.events = SwarmContainerEvents(api, self._managers)

    async def open(self) -> None:
        """Check that a manager answers, and the network."""
        try:
            await self.host.ping()
        except DockerUnavailable as error:
            raise (_no_manager(self._addresses, error) or error) from error
        if not await self.host.network_exists():
            raise StartupError(
                f"the Swarm has no network {self._network}; make it with `docker network create "
                f"--driver overlay --attachable {self._network}` or set RTMANAGER_DOCKER_NETWORK"
            )

    async def close(self) -> None:
        """Close all connections."""
        await self.host.aclose()
        await self._managers.aclose()

    def advice(self, error: RuntimeManagerError) -> str:
        """Return what to check for an error."""
        return docker_advice(error, self._addresses)


def platform(settings: Settings) -> Platform:
    """Return what the settings name; nothing is opened."""
    return Swarm(settings) if settings.platform == "swarm" else SingleDocker(settings)


def docker_clients(settings: Settings) -> Sequence[DockerClient]:
    """Return a client of each daemon that is named: the managers of a Swarm; nothing is opened.

    Each of several has its share of a call's deadline, so that there is time to ask another one.
    """
    hosts = settings.docker_host.split(",")
    timeout = settings.docker_timeout / len(hosts)
    return [_client(settings, each, timeout) for each in hosts]


def docker_client(settings: Settings) -> DockerClient:
    """Return a client of Docker, of a Swarm that of the first manager; nothing is opened."""
    return docker_clients(settings)[0]


def _client(settings: Settings, host: str, timeout: float) -> DockerClient:
    return DockerClient(
        host,
        certificates=settings.docker_cert_path,
        timeout=timeout,
        pull_stall=settings.pull_stall_timeout,
        pull_timeout=settings.pull_timeout,
    )


def _no_manager(addresses: str, error: DockerUnavailable) -> StartupError | None:
    if not _NO_MANAGER.search(error.message):
        return None
    return StartupError(
        f"the Docker daemon at {addresses} is no manager of a Swarm; make it one with "
        "`docker swarm init`, name a manager in RTMANAGER_DOCKER_HOST, or set "
        "RTMANAGER_PLATFORM=docker"
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
