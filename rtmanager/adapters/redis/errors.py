"""Translation of the errors of redis-py into those of the ports."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from ssl import SSLCertVerificationError, SSLError

from redis.exceptions import (
    AuthenticationError,
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
_CODES = (
    r"(?:BUSY|CLUSTERDOWN|DENIED|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN)\s"
)
# Most of these have no class in redis-py. Servers before version 7 add text before the code when it
# comes from a script. BUSYGROUP and BUSYKEY are different errors. DENIED is protected mode.
_REFUSED_TEMPORARILY = re.compile(rf"^{_CODES}|^Error running script .*-{_CODES}", re.DOTALL)


class RedisFault(Enum):
    """Why Redis is not available, where that shows which setting may be wrong."""

    LOGIN = auto()
    CA_FILE = auto()
    KEY_FILES = auto()
    CERTIFICATE = auto()
    NO_TLS = auto()
    SILENT = auto()


class RedisUnavailable(ServiceUnavailable):
    """Redis is not available, for a known reason."""

    def __init__(self, message: str, fault: RedisFault) -> None:
        super().__init__(message)
        self.fault = fault


class UnusableFile(ConnectionError):
    """A certificate or key cannot be used; raised while connecting."""

    def __init__(self, message: str, fault: RedisFault) -> None:
        super().__init__(message)
        self.fault = fault


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
    reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    message, fault = f"Redis is not available: {reason}", _fault(error)
    return ServiceUnavailable(message) if fault is None else RedisUnavailable(message, fault)


def _fault(error: BaseException) -> RedisFault | None:
    """Return the fault of the error or of what it comes from; redis-py wraps what we raise."""
    if isinstance(error, UnusableFile):
        return error.fault
    if isinstance(error, SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return RedisFault.NO_TLS
    for kind, fault in _FAULTS.items():
        if isinstance(error, kind):
            return fault
    cause = error.__cause__ or error.__context__
    return None if cause is None else _fault(cause)


_FAULTS: dict[type[Exception], RedisFault] = {
    AuthenticationError: RedisFault.LOGIN,
    NoPermissionError: RedisFault.LOGIN,
    SSLCertVerificationError: RedisFault.CERTIFICATE,
    TimeoutError: RedisFault.SILENT,
}
