"""The Postgres DSN: read, completed with a password, and shown without one.

No error repeats any part of it: what a password contains unescaped becomes a host, a port or a
database for libpq.
"""

import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr
from pydantic_core import PydanticCustomError

NOT_ACCEPTED = "not_accepted"
"""The type of errors whose text comes from here; other texts could repeat the value."""

MASK = str(SecretStr("any secret"))

_SCHEMES = ("postgres://", "postgresql://")
_SECRETS = ("password", "secret")


def read_postgres_dsn(dsn: SecretStr) -> SecretStr:
    """Return a Postgres URL or connection string in libpq's form, including the password."""
    text = _for_libpq(dsn.get_secret_value())
    parameters = _connection_parameters(text)
    if text.startswith(_SCHEMES) and _is_cut_apart(parameters):
        raise PydanticCustomError(
            NOT_ACCEPTED, "has a password or user with @ or / that is not percent-encoded"
        )
    return SecretStr(text)


def mask_postgres_dsn(dsn: SecretStr) -> str:
    """Show a DSN as `key=value` pairs, with passwords masked."""
    parameters = _connection_parameters(dsn.get_secret_value())
    return make_conninfo(
        **{
            key: MASK if any(word in key for word in _SECRETS) else str(value)
            for key, value in parameters.items()
        }
    )


def has_password(dsn: SecretStr) -> bool:
    """Return whether the DSN contains the user's password."""
    return bool(_connection_parameters(dsn.get_secret_value()).get("password"))


def with_password(dsn: SecretStr, password: SecretStr | None) -> str:
    """Return the DSN for libpq, completed with the password if there is one."""
    text = dsn.get_secret_value()
    return make_conninfo(text, password=password.get_secret_value()) if password else text


def _is_cut_apart(parameters: dict[str, str | int | None]) -> bool:
    """Return whether libpq takes a part of the password for something else.

    It ends the password at the first `@`, and takes one that contains a `/` for a port and a
    database: these would be shown and logged.
    """
    host, port, database = (str(parameters.get(key) or "") for key in ("host", "port", "dbname"))
    return "@" in host or "@" in database or not re.fullmatch(r"[0-9,]*", port)


def _connection_parameters(dsn: str) -> dict[str, str | int | None]:
    try:
        parameters = conninfo_to_dict(dsn)
    except (ProgrammingError, ValueError):
        # The driver's message quotes the DSN, including the password, so it must not be our cause.
        raise PydanticCustomError(NOT_ACCEPTED, "is not a Postgres DSN") from None
    if not parameters:
        raise PydanticCustomError(NOT_ACCEPTED, "is not a Postgres DSN")
    return parameters


def _for_libpq(dsn: str) -> str:
    """Move the `search_path` of a URL, which other drivers support, into libpq's `options`."""
    if not dsn.startswith(_SCHEMES):
        return dsn
    try:
        url = urlsplit(dsn)
    except ValueError:
        raise PydanticCustomError(NOT_ACCEPTED, "is not a Postgres DSN") from None
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    if "search_path" not in query:
        return dsn
    if search_path := query.pop("search_path"):
        # A space in the options ends an argument unless it is escaped.
        escaped = search_path.replace("\\", "\\\\").replace(" ", "\\ ")
        query["options"] = f"{query.get('options', '')} -c search_path={escaped}".strip()
    return urlunsplit(url._replace(query=urlencode(query, quote_via=quote)))
