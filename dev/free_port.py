"""Loopback ports for the servers of a development environment."""

import secrets
import socket
from contextlib import closing
from pathlib import Path

LOWEST = 15_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_claims: dict[int, int] = {}
"""The ports that this process was given, each with the open socket that shows it to others."""


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that no living process was given here.

    It lies below those that the kernel gives to outgoing connections: otherwise one of these could
    take it while the server is down, even a client's own attempt to reach that server.
    """
    while True:
        port = LOWEST + secrets.randbelow(max(_first_outgoing() - LOWEST, 1_000))
        if port not in _claims and _claim(port) and is_free(port):
            return port


def remembered_port(file: Path) -> int:
    """Return the port in the file while it is free, so that addresses outlive a restart."""
    if file.is_file() and _claim(port := int(file.read_text())) and is_free(port):
        return port
    port = free_port()
    file.write_text(f"{port}\n")
    return port


def next_free_port(port: int) -> int:
    """Return the first loopback port above this one that nobody listens on."""
    return next(filter(is_free, range(port + 1, 65536)))


def is_free(port: int) -> bool:
    """Return whether a server may listen on the loopback port."""
    with closing(socket.socket()) as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _claim(port: int) -> bool:
    """Claim a port for this process until it ends; return whether no other one has done so.

    Two processes that ask at the same moment would otherwise both find it free.
    """
    if port not in _claims:
        claim = socket.socket(socket.AF_UNIX)
        try:
            # A name of Linux's own kind: no file is left behind, whatever ends the process.
            claim.bind(f"\0rtmanager-port-{port}")
        except OSError:
            claim.close()
            return False
        _claims[port] = claim.detach()  # nobody closes it but the end of the process
    return True


def _first_outgoing() -> int:
    return int(_OUTGOING.read_text().split()[0])
