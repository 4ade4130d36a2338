"""Requests without TLS, each on a connection of its own."""

import ssl
from typing import Any

import httpx

# Made once: by itself httpx reads all certificates of the machine for each request, which takes
# longer than the request.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def request(method: str, url: str, **options: Any) -> httpx.Response:
    """Send one request; the options are those of httpx."""
    return httpx.request(method, url, verify=_NO_TLS, **options)


def client(url: str, **options: Any) -> httpx.Client:
    """Return a client of the address; the options are those of httpx."""
    return httpx.Client(base_url=url, verify=_NO_TLS, **options)
