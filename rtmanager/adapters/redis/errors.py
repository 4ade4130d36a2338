"""Redis's errors in the words of the ports; the only place that translates them."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's name for it
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,  # noqa: A004 - as above
)

from rtmanager.adapters.cancellation import cancellation_first
from rtmanager.domain.errors import ServiceUnavailable

_AWAY = (
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
    OSError,
)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate what the world does to us; a fault of our own commands stays what it is."""
    try:
        with cancellation_first():
            yield
    except _AWAY as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ServiceUnavailable(f"Redis is not available: {reason}") from error
