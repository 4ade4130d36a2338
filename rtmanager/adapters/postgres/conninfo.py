"""The DSN with limits of our own: how long to connect, to wait for a statement, to be silent."""

import re

from psycopg.conninfo import conninfo_to_dict, make_conninfo

DEFAULT_SCHEMA = "rtmanager"

STATEMENT_SECONDS = 4
IDLE_IN_TRANSACTION_SECONDS = 10
SILENT_LEADER_SECONDS = 8

_SEARCH_PATH = re.compile(r"\bsearch_path\s*=")

_UNLESS_GIVEN: dict[str, str | int] = {
    "application_name": "rtmanager",
    "connect_timeout": 2,  # the minimum that libpq accepts
    # A server that vanished without a word closes its idle connections here within 20 seconds, and
    # what forgets idle connections on the way has nothing to forget.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}


def service_conninfo(dsn: str) -> str:
    """Return the DSN with the service's limits: it prefers an error to a long wait."""
    return _with_options(
        dsn,
        f"-c statement_timeout={STATEMENT_SECONDS}s",
        # The locks of a vanished client are released soon.
        f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s",
    )


def leadership_conninfo(dsn: str) -> str:
    """Return the DSN for the leader's lock, which Postgres takes from a silent process."""
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
        # The last setting wins, so the operator's own options come last.
        options=" ".join([*defaults, "-c timezone=UTC", options]).strip(),
        **{name: value for name, value in _UNLESS_GIVEN.items() if not given.get(name)},
    )
