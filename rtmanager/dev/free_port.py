"""Loopback ports for the servers of a development environment."""

import socket
from contextlib import closing
from pathlib import Path


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
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
