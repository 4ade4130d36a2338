"""Keeps web pages from driving the service through the browser of somebody who can reach it.

A page of any site can make its visitor's browser send requests here. Browsers say so in headers
that no page can change; other callers do not send them and are not concerned. Decision 0043.
"""

from collections.abc import Iterable
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from rtmanager.domain.texts import quoted
from rtmanager.handlers.bearer_tokens import OPEN_PATHS
from rtmanager.handlers.headers import values_of
from rtmanager.handlers.host_header import Host, parse_host, without_default_port
from rtmanager.handlers.refusals import (
    ForeignCaller,
    RefusalReason,
    RefusedRequest,
    RefusedRequests,
)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing; what they answer a page of another origin cannot read."""

_OWN_SITES = (b"same-origin", b"none")
_REMEMBERED = 64


class BrowserGuard:
    """ASGI middleware that refuses foreign hosts, and changes that pages of other origins ask for.

    With a host that only its own network can name, a page cannot have rebound its own name to this
    service. Without that, the page would be of the same origin, and could do everything.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        refusals: RefusedRequests,
        allowed_hosts: Iterable[str] = (),
        trusted_origins: Iterable[str] = (),
    ) -> None:
        self.app = app
        self.refusals = refusals
        self.allowed_hosts = frozenset(allowed_hosts)
        self.trusted_origins = frozenset(map(without_default_port, trusted_origins))
        # Callers use one or two names; a refusal raises, and so is never remembered.
        self._known_host = lru_cache(_REMEMBERED)(self._allowed_host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that no foreign page has sent; raise RefusedRequest for another."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except RefusedRequest as refused:
                self.refusals.record(refused, scope)
                raise
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        hosts = values_of(scope, b"host")
        if not hosts and _is_old_health_check(scope):
            return
        if len(hosts) != 1:
            raise _invalid_host(f"the request has {len(hosts)} Host headers, expected one")
        host = self._known_host(hosts[0])
        if scope["method"] not in SAFE_METHODS:
            self._check_origin(scope, host)

    def _allowed_host(self, value: bytes) -> Host:
        host = parse_host(value)
        if host is None:
            sent = quoted(value.decode("latin-1"))
            raise _invalid_host(f"the Host header is {sent}, expected a host and maybe a port")
        if host.is_address or host.is_local_name or host.name in self.allowed_hosts:
            return host
        raise ForeignCaller(
            RefusalReason.FOREIGN_HOST,
            f"the host {quoted(host.sent_name)} is not known to be this service; use an IP "
            "address, localhost or a name without dots, or add the name to RTMANAGER_ALLOWED_HOSTS",
        )

    def _check_origin(self, scope: Scope, host: Host) -> None:
        sites, origins = values_of(scope, b"sec-fetch-site"), values_of(scope, b"origin")
        if not sites and not origins:
            return  # not a browser
        origin = without_default_port(origins[0].decode("latin-1").lower()) if origins else ""
        is_own = sites[0] in _OWN_SITES if sites else origin == host.origin(scope["scheme"])
        is_clear = len(sites) <= 1 and len(origins) <= 1
        if is_clear and (is_own or origin in self.trusted_origins):
            return
        page = f"a page of {quoted(origin)}" if is_clear and origin else "a page of another site"
        raise ForeignCaller(
            RefusalReason.FOREIGN_ORIGIN,
            f"{page} may change nothing here; if it is this service's own page behind a proxy, "
            "add its origin to RTMANAGER_TRUSTED_ORIGINS",
        )


def _is_old_health_check(scope: Scope) -> bool:
    """Whether a load balancer asks in HTTP/1.0, which has no Host; browsers always send one."""
    is_old = scope["http_version"] == "1.0" and scope["method"] in {"GET", "HEAD"}
    return is_old and scope["path"] in OPEN_PATHS


def _invalid_host(message: str) -> RefusedRequest:
    return RefusedRequest(RefusalReason.INVALID_HOST, message)
