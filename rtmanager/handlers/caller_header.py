"""X-Galaxy-Caller: who is calling, as the operation log records it.

The spec lists the known values, and a router that validates would refuse others. The contract says
otherwise: a missing, repeated or unknown value counts as the admin's and never fails a request.
"""

from rtmanager.domain.operation import OpSource
from rtmanager.handlers.asgi import App, Receive, Scope, Send, header_values

_HEADER = b"x-galaxy-caller"
_SOURCES = {b"gm": OpSource.GM_REST, b"admin": OpSource.ADMIN_REST}


class CallerHeader:
    """ASGI middleware that drops a caller header which says nothing known, before validation."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with at most one caller header, and that of a known value."""
        if scope["type"] == "http":
            values = header_values(scope, _HEADER)
            if values and not _is_known(values):
                scope["headers"] = [pair for pair in scope["headers"] if pair[0] != _HEADER]
        await self.app(scope, receive, send)


def source_of(scope: Scope) -> OpSource:
    """Return who is calling."""
    values = header_values(scope, _HEADER)
    return _SOURCES[values[0]] if _is_known(values) else OpSource.ADMIN_REST


def _is_known(values: list[bytes]) -> bool:
    return len(values) == 1 and values[0] in _SOURCES
