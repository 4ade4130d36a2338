"""What `rtmanager doctor` asks Docker; nothing is changed."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rtmanager.adapters.docker.client import DockerClient
from rtmanager.domain.ports.container_host import ContainerGone

_FRACTION = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True, slots=True)
class DockerFacts:
    """What a daemon says about itself, and the images on its host."""

    version: str
    api_version: str
    storage_driver: str
    time: datetime | None
    networks: frozenset[str]
    images: tuple[str, ...]


async def docker_facts(client: DockerClient) -> DockerFacts:
    """Ask the daemon; raise DockerUnavailable when it does not answer."""
    version = await client.call(lambda api: api.version())
    info = await client.call(lambda api: api.info())
    networks = await client.call(lambda api: api.networks())
    images = await client.call(lambda api: api.images())
    return DockerFacts(
        version=str(version.get("Version")),
        api_version=str(version.get("ApiVersion")),
        storage_driver=str(info.get("Driver")),
        time=read_time(info.get("SystemTime")),
        networks=frozenset(each["Name"] for each in networks),
        images=tuple(tag for each in images for tag in each.get("RepoTags") or ()),
    )


async def host_name(client: DockerClient) -> str:
    """Return the name of the machine that the daemon runs on."""
    return str((await client.call(lambda api: api.info())).get("Name"))


async def mounts_of(client: DockerClient, container: str) -> list[dict[str, Any]] | None:
    """Return the mounts of a container; None if there is none of this name."""
    try:
        found = await client.call(lambda api: api.inspect_container(container))
    except ContainerGone:
        return None
    return list(found.get("Mounts") or ())


def read_time(text: Any) -> datetime | None:
    """Read Docker's time, which has nanoseconds and the daemon's zone."""
    try:
        return datetime.fromisoformat(_FRACTION.sub(r"\1", str(text))).astimezone(UTC)
    except ValueError:
        return None
