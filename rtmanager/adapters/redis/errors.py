"""Redis's errors in the words of the ports; the only place that translates them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import (
    ClusterDownError,
    ConnectionError,  # noqa: A004 - redis-py's name for it
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004 - as above
    TryAgainError,
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
    TryAgainError,
    OSError,
)
_FOR_NOW = r"(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN)\s"
# Most of these have no class in redis-py. Servers before version 7 wrap what a script met in words
# of their own, with the code further on; BUSYGROUP and BUSYKEY are other things.
_REFUSED_FOR_NOW = re.compile(rf"^{_FOR_NOW}|^Error running script .*-{_FOR_NOW}", re.DOTALL)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Translate what the world does to us; a fault of our own commands stays what it is.

    A server that refuses for now, because it lacks replicas, room, its disk or its primary, or is
    busy with somebody's script, is as good as away: it will answer later.
    """
    try:
        with cancellation_first():
            yield
    except _AWAY as error:
        raise _unavailable(error) from error
    except ResponseError as error:
        if not _REFUSED_FOR_NOW.search(str(error)):
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> ServiceUnavailable:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return ServiceUnavailable(f"Redis is not available: {reason}")
