"""Loopback ports for the servers of a development environment."""

import secrets
import socket
from contextlib import closing
from pathlib import Path

LOWEST = 15_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_given: set[int] = set()


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that this process was not given before.

    It lies below those that the kernel gives to outgoing connections: otherwise one of these could
    take it while the server is down, even a client's own attempt to reach that server.
    """
    while True:
        port = LOWEST + secrets.randbelow(max(_first_outgoing() - LOWEST, 1_000))
        if port not in _given and is_free(port):
            _given.add(port)
            return port


def remembered_port(file: Path) -> int:
    """Return the port in the file while it is free, so that addresses outlive a restart."""
    if file.is_file() and is_free(port := int(file.read_text())):
        return port
    port = free_port()
    file.write_text(f"{port}\n")
    return port


def next_free_port(port: int) -> int:
    """Return the first loopback port above this one that nobody listens on."""
    return next(filter(is_free, range(port + 1, 65536)))


def is_free(port: int) -> bool:
    """Tell whether a server may listen on the loopback port."""
    with closing(socket.socket()) as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _first_outgoing() -> int:
    return int(_OUTGOING.read_text().split()[0])
