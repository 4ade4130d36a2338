"""Loopback ports for the servers of a development environment."""

import secrets
import socket
from contextlib import closing
from pathlib import Path

MIN_PORT = 15_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_claims: dict[int, int] = {}
"""The ports claimed by this process, each with the open socket that shows the claim."""


def free_port() -> int:
    """Return a loopback port that nobody listens on and no process has claimed.

    It is below the range for outgoing connections: otherwise one of these could take it while the
    server is down, even a client's attempt to reach that server.
    """
    while True:
        port = MIN_PORT + secrets.randbelow(max(_first_outgoing() - MIN_PORT, 1_000))
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
        # As servers do, so that a port with connections in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _claim(port: int) -> bool:
    """Claim a port for the life of this process; return False if another process has it.

    Otherwise two processes could find the same port free at the same time.
    """
    if port not in _claims:
        claim = socket.socket(socket.AF_UNIX)
        try:
            # An abstract socket of Linux: no file is left behind, however the process ends.
            claim.bind(f"\0rtmanager-port-{port}")
        except OSError:
            claim.close()
            return False
        _claims[port] = claim.detach()  # open until the process ends
    return True


def _first_outgoing() -> int:
    return int(_OUTGOING.read_text().split()[0])
