"""Translation of Postgres's errors into those of the ports."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as sqlstate

from rtmanager.domain.errors import RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.ports.operation_journal import JobAlreadyRecorded, OperationStillOpen
from rtmanager.tasks import cancellation_first

_MEANING: dict[str | None, type[RuntimeManagerError]] = {
    "operation_log_one_open_per_game": OperationStillOpen,
    "operation_log_one_row_per_job": JobAlreadyRecorded,
    # Two games with one name got their first record simultaneously: a retry of the later is
    # refused.
    "runtime_records_one_per_dns_name": ServiceUnavailable,
}

# Not only the driver's OperationalError: our statements are not at fault either when a server
# became a standby, aborted a transaction, or has an internal error.
_UNAVAILABLE = (
    psycopg.OperationalError,
    # A connection that was cut between two statements is reported as an interface error.
    psycopg.InterfaceError,
    sqlstate.ReadOnlySqlTransaction,
    sqlstate.IdleInTransactionSessionTimeout,
    sqlstate.TransactionTimeout,
    sqlstate.SnapshotTooOld,
    sqlstate.InternalError_,
    sqlstate.DataCorrupted,
    sqlstate.IndexCorrupted,
)


class ConnectionLost(ServiceUnavailable):
    """the connection to Postgres is lost"""  # noqa: D400 - it is the message


class MigrationFailed(RuntimeManagerError):
    """the database schema could not be brought up to date"""  # noqa: D400 - it is the message


@contextmanager
def postgres_errors() -> Iterator[None]:
    """Translate faults of the server and the network; faults of our SQL are left as they are."""
    try:
        with cancellation_first():
            yield
    except sqlstate.UniqueViolation as error:
        meaning = _MEANING.get(error.diag.constraint_name)
        if meaning is None:
            raise
        raise meaning from error
    except _UNAVAILABLE as error:
        raise ServiceUnavailable(unavailable(error)) from error


def unavailable(error: Exception) -> str:
    """Return what a caller learns of a driver's error."""
    return f"Postgres is not available: {first_line(error)}"


def first_line(error: Exception) -> str:
    """Return the driver's message in one line; libpq never puts a password into it."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
