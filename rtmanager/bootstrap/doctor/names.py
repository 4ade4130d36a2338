"""DNS: the names of the configured hosts resolve."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from rtmanager.bootstrap.connections import postgres_dsn
from rtmanager.bootstrap.doctor.finding import Finding
from rtmanager.config import Settings

LONGEST = 4.0


async def check_names(settings: Settings) -> AsyncIterator[Finding]:
    """Resolve each name."""
    names = {host: variable for variable, host in _hosts(settings) if not _is_address(host)}
    if not names:
        yield Finding.ok("dns", "no name has to be resolved")
    for host, variable in names.items():
        try:
            async with asyncio.timeout(LONGEST):
                found = await asyncio.get_running_loop().getaddrinfo(
                    host, None, type=socket.SOCK_STREAM
                )
        except TimeoutError:
            text = f"{host} did not resolve within {LONGEST:g} s"
            yield Finding.fault("dns", text, f"check the resolver, or {variable}")
        except OSError as error:
            text = f"{host} does not resolve: {error.strerror}"
            yield Finding.fault(
                "dns", text, f"check {variable} and the resolver (/etc/resolv.conf)"
            )
        else:
            yield Finding.ok("dns", f"{host} is {found[0][4][0]}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _hosts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the variables and the hosts that they name; a socket's directory is no host."""
    given = str(conninfo_to_dict(postgres_dsn(settings)).get("host") or "")
    for host in filter(None, given.split(",")):
        if not host.startswith(("/", "@")):
            yield "RTMANAGER_POSTGRES_PRIMARY_DSN", host
    yield "RTMANAGER_REDIS_MASTER_ADDR", settings.redis_master_addr.host
    for address in settings.docker_host.split(","):
        if docker := urlsplit(address).hostname:
            yield "RTMANAGER_DOCKER_HOST", docker
