"""The SDK's transport over a unix socket, without its leak.

The SDK forgets to close the socket of a connection that is refused, so a Docker that is away costs
a file descriptor per attempt until the garbage collector comes by.
"""

import socket
from typing import Any

from docker.transport.unixconn import (
    UnixHTTPAdapter,
    UnixHTTPConnection,
    UnixHTTPConnectionPool,
)


class _Connection(UnixHTTPConnection):
    def connect(self) -> None:
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connecting.settimeout(self.timeout)
            connecting.connect(self.unix_socket)
        except OSError:
            connecting.close()
            raise
        self.sock = connecting


class _Pool(UnixHTTPConnectionPool):
    def _new_conn(self) -> Any:
        timeout: Any = self.timeout  # replaced by that of each request
        return _Connection(self.base_url, self.socket_path, timeout)


class UnixSocketAdapter(UnixHTTPAdapter):
    """Connects to one unix socket, whatever the URL says."""

    def __init__(self, path: str, timeout: float, connections: int) -> None:
        seconds: Any = timeout  # the stubs say int, but it goes to the socket as it is
        super().__init__(path, seconds, max_pool_size=connections)

    def get_connection(self, url: Any, proxies: Any = None) -> Any:  # noqa: ARG002 - the SDK's
        """Return the pool of the socket's connections."""
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = _Pool(url, self.socket_path, self.timeout, maxsize=self.max_pool_size)
                self.pools[url] = pool
        return pool
