"""The settings that hold secrets: how they are read, and how they are shown without the secret."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from rtmanager.setting_forms import FormError

MASK = "********"
_SCHEMES = ("postgres://", "postgresql://")


def parse_secret(text: str) -> SecretStr:
    """Read a secret: any text will do."""
    return SecretStr(text)


def mask(secret: SecretStr) -> str:
    """Show that a secret is set, and nothing of it."""
    return MASK if secret.get_secret_value() else ""


def parse_postgres_dsn(text: str) -> SecretStr:
    """Read a Postgres URL or connection string; its password makes all of it a secret."""
    _connection_parameters(text)
    return SecretStr(text)


def mask_postgres_dsn(dsn: SecretStr) -> str:
    """Show where a DSN leads as `key=value` pairs, its passwords masked."""
    parameters = _connection_parameters(dsn.get_secret_value())
    return make_conninfo(
        **{key: MASK if "password" in key else str(value) for key, value in parameters.items()}
    )


def _connection_parameters(dsn: str) -> dict[str, str | int | None]:
    """Return what libpq understands of a DSN, and the search path, which it does not."""
    text, search_path = _without_search_path(dsn)
    try:
        parameters = conninfo_to_dict(text)
    except (ProgrammingError, UnicodeError):
        # The driver's message quotes the DSN, password included: it must not become our cause.
        raise FormError("is not a Postgres DSN") from None
    if not parameters:
        raise FormError("is not a Postgres DSN")
    if search_path and "options" not in parameters:
        parameters["options"] = f"-c search_path={search_path}"
    return parameters


def _without_search_path(dsn: str) -> tuple[str, str | None]:
    """Take `search_path` out of a URL: other drivers know this parameter, libpq refuses it."""
    if not dsn.startswith(_SCHEMES):
        return dsn, None
    try:
        url = urlsplit(dsn)
    except ValueError:
        raise FormError("is not a Postgres DSN") from None
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    search_path = query.pop("search_path", None)
    return urlunsplit(url._replace(query=urlencode(query))), search_path
