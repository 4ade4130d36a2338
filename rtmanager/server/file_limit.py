"""The limit of open files, which is also that of connections."""

import resource
import sys

import structlog

log = structlog.get_logger(__name__)


def raise_file_limit() -> int:
    """Raise the limit of this process as far as it may go, and return what it is then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:
            log.warning("file_limit_not_raised", limit=soft, allowed=hard, error=str(error))
            return soft
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def connections_within(file_limit: int, *, wanted: int, reserved: int) -> int:
    """Return how many connections there may be, and log it if they are fewer than wanted.

    The service's own files come first, as far as a quarter is left for callers: it rarely needs all
    that are reserved.
    """
    possible = max(1, file_limit - reserved, file_limit // 4)
    if possible < wanted:
        log.warning(
            "connections_limited",
            connections=possible,
            wanted=wanted,
            file_limit=file_limit,
            reserved=reserved,
        )
    return min(wanted, possible)
