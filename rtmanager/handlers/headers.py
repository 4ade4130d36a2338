"""Headers as ASGI servers pass them on: pairs of bytes, names in lower case."""

from starlette.types import Scope

REQUEST_ID_KEY = "rtmanager.request_id"
"""Where the id of a request stands in its scope."""


def values_of(scope: Scope, name: bytes) -> list[bytes]:
    """Return every value of a request's header; blanks around one are no part of it (RFC 9110)."""
    return [value.strip(b" \t") for each, value in scope["headers"] if each == name]
