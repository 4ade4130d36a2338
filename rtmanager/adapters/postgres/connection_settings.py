"""What every connection to Postgres is told beyond the DSN."""

import re

from psycopg.conninfo import conninfo_to_dict, make_conninfo

DEFAULT_SCHEMA = "rtmanager"
CONNECT_SECONDS = 2  # the least that libpq knows
STATEMENT_SECONDS = 4
IDLE_IN_TRANSACTION_SECONDS = 10
SILENT_LEADER_SECONDS = 8

_SEARCH_PATH = re.compile(r"\bsearch_path\s*=")


def service_conninfo(dsn: str) -> str:
    """Return the DSN with the limits of a service that would rather say no than wait."""
    return _with_options(
        dsn,
        f"-c statement_timeout={STATEMENT_SECONDS}s",
        # What a vanished client has locked is free again soon.
        f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s",
    )


def leadership_conninfo(dsn: str) -> str:
    """Return the DSN for the claim to lead, which Postgres takes from a process that is silent."""
    return _with_options(
        dsn,
        f"-c statement_timeout={STATEMENT_SECONDS}s",
        f"-c idle_session_timeout={SILENT_LEADER_SECONDS}s",
    )


def migration_conninfo(dsn: str) -> str:
    """Return the DSN for migrations, whose statements may take as long as they need."""
    return _with_options(dsn, "-c lock_timeout=60s")


def _with_options(dsn: str, *defaults: str) -> str:
    given = conninfo_to_dict(dsn)
    options = str(given.get("options") or "")
    if not _SEARCH_PATH.search(options):
        defaults = (*defaults, f"-c search_path={DEFAULT_SCHEMA}")
    return make_conninfo(
        dsn,
        # The later setting wins: the operator's own options stand last.
        options=" ".join([*defaults, "-c timezone=UTC", options]).strip(),
        connect_timeout=given.get("connect_timeout") or CONNECT_SECONDS,
        application_name=given.get("application_name") or "rtmanager",
    )
