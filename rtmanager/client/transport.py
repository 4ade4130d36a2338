"""The TCP and TLS side of the client."""

import os
import socket
import ssl

import httpx

KEEPALIVE_EXPIRY = 3.0
"""Shorter than the service's 5 s, which would close a connection that is about to be used."""

_KEEPALIVE_IDLE, _KEEPALIVE_INTERVAL, _KEEPALIVE_PROBES = 30, 10, 3


def tcp_transport(url: str, ssl_context: ssl.SSLContext | None) -> httpx.AsyncBaseTransport:
    """Return a transport that trusts the machine's CAs and notices dead machines.

    Proxies of the environment are not used: the service is on a private network.
    """
    is_tls = url.startswith("https:")
    trusted = (ssl_context or ssl.create_default_context()) if is_tls else False
    return httpx.AsyncHTTPTransport(
        verify=trusted,
        trust_env=False,
        limits=httpx.Limits(max_connections=None, keepalive_expiry=KEEPALIVE_EXPIRY),
        socket_options=_keepalive(),
    )


def _keepalive() -> list[tuple[int, int, int]]:
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if os.uname().sysname == "Linux":
        options += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES),
        ]
    return options
