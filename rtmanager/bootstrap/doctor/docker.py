"""Docker: its socket is there and may be used, it answers, and the network exists."""

import os
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

from rtmanager.adapters.docker.checkup import DockerFacts, docker_facts
from rtmanager.bootstrap.advice import docker_advice, socket_advice
from rtmanager.bootstrap.doctor.clocks import check_clock
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.bootstrap.doctor.swarm import check_swarm
from rtmanager.bootstrap.platforms import docker_client
from rtmanager.config import Settings
from rtmanager.domain.errors import RuntimeManagerError

_UNIX = "unix://"
_OVERLAYS = {"overlay2", "overlayfs", "btrfs", "zfs"}


async def check_docker(settings: Settings) -> AsyncIterator[Finding]:
    """Look at the socket, then ask Docker; of a Swarm ask the managers."""
    if settings.platform == "swarm":
        async for each in check_swarm(settings):
            yield each
        return
    if socket_fault := _socket_fault(settings.docker_host):
        yield socket_fault
        return
    client = docker_client(settings)
    asked = datetime.now(UTC)
    try:
        facts = await docker_facts(client)
    except RuntimeManagerError as error:
        advice = docker_advice(error, settings.docker_host)
        yield Finding.fault("docker", error.message.rstrip("."), advice)
        return
    finally:
        await client.aclose()
    for each in _server(facts):
        yield each
    yield _network(facts, settings.docker_network)
    if facts.time is not None:
        yield check_clock("Docker", facts.time, asked)


def _socket_fault(host: str) -> Finding | None:
    if not host.startswith(_UNIX):
        return None
    socket = Path(host.removeprefix(_UNIX))
    try:
        is_socket = stat.S_ISSOCK(socket.stat().st_mode)
    except PermissionError:
        text = f"{socket} cannot be reached: permission denied"
        return Finding.fault("docker", text, socket_advice(socket))
    except OSError as error:
        text = f"{socket} cannot be used: {error.strerror}"
        remedy = "install or start Docker (`systemctl start docker`), or set RTMANAGER_DOCKER_HOST"
        return Finding.fault("docker", text, remedy)
    if not is_socket:
        return Finding.fault("docker", f"{socket} is no socket", "check RTMANAGER_DOCKER_HOST")
    if not os.access(socket, os.R_OK | os.W_OK):
        text = f"{socket} may not be used by this user: permission denied"
        return Finding.fault("docker", text, socket_advice(socket))
    return None


def _server(facts: DockerFacts) -> Iterator[Finding]:
    text = f"version {facts.version}, API {facts.api_version}, storage {facts.storage_driver}"
    if facts.storage_driver in _OVERLAYS:
        yield Finding.ok("docker", text)
        return
    remedy = "use the storage driver overlay2: this one copies each image for each container"
    yield Finding.warning("docker", text, remedy)


def _network(facts: DockerFacts, network: str) -> Finding:
    if network in facts.networks:
        return Finding.ok("network", f"{network} exists")
    remedy = f"`docker network create {network}`, or set RTMANAGER_DOCKER_NETWORK"
    return Finding.fault("network", f"the Docker network {network} does not exist", remedy)
