"""Pulls: the registries answer, or images that may run are on the host already."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx

from rtmanager.adapters.docker.checkup import docker_facts
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.bootstrap.platforms import docker_client
from rtmanager.config import Settings
from rtmanager.domain.allowed_images import ImagePattern
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.image_ref import ImageRef

LONGEST = 3.0
_HUB = "docker.io"
_HUB_HOST = "registry-1.docker.io"
_ANSWERS = {200, 401, 403}
"""A registry asks for a login with 401 or 403, and answers nevertheless."""


async def check_pulls(settings: Settings) -> AsyncIterator[Finding]:
    """Ask each registry of the allowed images, and count the images on the host."""
    patterns = [ImagePattern.parse(each) for each in settings.allowed_images]
    local = await _local(settings, patterns)
    on_host = (
        f"{len(local)} images that may run are on the host"
        if patterns
        else (f"{len(local)} images are on the host")
    )
    if settings.image_pull_policy == "never":
        yield _without_pulls(local, on_host)
        return
    hosts = sorted({each.host for each in patterns}) or [_HUB]
    for host, fault in zip(hosts, await asyncio.gather(*map(_fault, hosts)), strict=True):
        yield _registry(host, fault, on_host)


def _without_pulls(local: Sequence[str], on_host: str) -> Finding:
    if local:
        return Finding.ok("pulls", f"never pulled; {on_host}")
    remedy = "load images with `docker load`, or set RTMANAGER_IMAGE_PULL_POLICY"
    return Finding.fault("pulls", "images are never pulled, and none is on the host", remedy)


def _registry(host: str, fault: str, on_host: str) -> Finding:
    if not fault:
        return Finding.ok("pulls", f"the registry {host} answers; {on_host}")
    remedy = f"only images on the host can be started ({on_host}); check the network and the proxy"
    return Finding.warning("pulls", f"the registry {host} does not answer here: {fault}", remedy)


async def _fault(host: str) -> str:
    """Return why a registry does not answer; Docker itself may reach it by another way."""
    url = f"https://{_HUB_HOST if host == _HUB else host}/v2/"
    try:
        async with asyncio.timeout(LONGEST), httpx.AsyncClient(timeout=LONGEST) as http:
            answer = await http.get(url)
    except TimeoutError:
        return f"no answer within {LONGEST:g} s"
    except (httpx.HTTPError, OSError) as error:
        return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
    return "" if answer.status_code in _ANSWERS else f"status {answer.status_code}"


async def _local(settings: Settings, patterns: Sequence[ImagePattern]) -> Sequence[str]:
    client = docker_client(settings)
    try:
        found = (await docker_facts(client)).images
    except RuntimeManagerError:
        return ()  # the check of Docker says why
    finally:
        await client.aclose()
    return list(_allowed(found, patterns))


def _allowed(tags: Sequence[str], patterns: Sequence[ImagePattern]) -> Iterator[str]:
    for tag in tags:
        try:
            image = ImageRef.parse(tag)
        except (RuntimeManagerError, ValueError):
            continue  # such as `<none>:<none>`
        if not patterns or any(each.matches(image) for each in patterns):
            yield tag
