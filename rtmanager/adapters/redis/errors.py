"""Translation of the errors of redis-py into those of the ports."""

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

from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.tasks import cancellation_first

_OUTAGES = (
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,
    TryAgainError,
    OSError,
)
_CODES = r"(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN)\s"
# Most of these have no class in redis-py. Servers before version 7 add text before the code when it
# comes from a script. BUSYGROUP and BUSYKEY are different errors.
_REFUSED_TEMPORARILY = re.compile(rf"^{_CODES}|^Error running script .*-{_CODES}", re.DOTALL)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise ServiceUnavailable for an outage; an error in our own commands is left as it is.

    A server that refuses temporarily, because it lacks replicas, memory, its disk or its primary,
    or is busy with a script, counts as unavailable: it will answer again later.
    """
    try:
        with cancellation_first():
            yield
    except _OUTAGES as error:
        raise _unavailable(error) from error
    except ResponseError as error:
        if not _REFUSED_TEMPORARILY.search(str(error)):
            raise
        raise _unavailable(error) from error


def _unavailable(error: Exception) -> ServiceUnavailable:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return ServiceUnavailable(f"Redis is not available: {reason}")
