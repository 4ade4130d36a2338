"""TLS to Postgres by libpq's own parameters in the DSN, on every kind of connection."""

import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
import trustme
from psycopg import sql
from pydantic import SecretStr

from dev.embedded_postgres import EmbeddedPostgres
from dev.unprivileged import identity
from rtmanager.adapters.postgres.leadership import PostgresLeadership
from rtmanager.adapters.postgres.migrate import migrate
from rtmanager.adapters.postgres.outbox import PostgresOutbox
from rtmanager.adapters.postgres.pool import PostgresPool
from rtmanager.config.postgres_dsn import with_password
from rtmanager.domain.errors import RuntimeManagerError, ServiceUnavailable
from tests.support.calls import wait_until

OURS, OTHERS = trustme.CA(), trustme.CA()
_ENCRYPTED = """
    SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture(scope="module")
def encrypted(postgres: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """Let the server accept TLS too, with a certificate for 127.0.0.1."""
    certificate = OURS.issue_cert("127.0.0.1")
    files = {"ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}
    certificate.cert_chain_pems[0].write_to_path(str(postgres.files / "server.pem"))
    certificate.private_key_pem.write_to_path(str(postgres.files / "server.key"))
    if who := identity():
        shutil.chown(postgres.files / "server.key", who["user"])
    (postgres.files / "server.key").chmod(0o600)
    settings = {name: str(postgres.files / file) for name, file in files.items()} | {"ssl": "on"}
    _alter(postgres, settings)
    _wait_for_tls(postgres)
    yield postgres
    _alter(postgres, dict.fromkeys(settings, None))


def _alter(postgres: EmbeddedPostgres, settings: Mapping[str, str | None]) -> None:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        for name, value in settings.items():
            identifier = sql.Identifier(name)
            statement = (
                sql.SQL("ALTER SYSTEM RESET {}").format(identifier)
                if value is None
                else sql.SQL("ALTER SYSTEM SET {} = {}").format(identifier, sql.Literal(value))
            )
            connection.execute(statement)
        connection.execute("SELECT pg_reload_conf()")


def _wait_for_tls(postgres: EmbeddedPostgres) -> None:
    def accepts() -> bool:
        with psycopg.connect(f"{postgres.dsn()}&sslmode=prefer") as connection:
            return connection.pgconn.ssl_in_use

    wait_until(accepts)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Return the file with our authority's certificate."""
    OURS.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def over_tls(dsn: str, authority: Path, **more: str) -> str:
    """Return the DSN with full verification of the server."""
    return f"{dsn}&{urlencode({'sslmode': 'verify-full', 'sslrootcert': str(authority)} | more)}"


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    """Close at the end what a test opens."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.mark.usefixtures("encrypted")
async def test_every_connection_is_encrypted(
    empty_dsn: str, authority: Path, opened: AsyncExitStack
) -> None:
    """Migrations, the pool, the leadership and the notifications all use the DSN's parameters."""
    dsn = over_tls(empty_dsn, authority)
    await migrate(dsn)
    pool, leadership = PostgresPool(dsn), PostgresLeadership(dsn)
    opened.push_async_callback(pool.close)
    opened.push_async_callback(leadership.resign)
    await pool.open()
    await pool.ping()
    assert await leadership.campaign()
    await opened.enter_async_context(PostgresOutbox(pool, dsn).wakeups())

    with psycopg.connect(empty_dsn) as connection:
        used = [row[0] for row in connection.execute(_ENCRYPTED)]

    assert len(used) >= 3
    assert set(used) == {True}


@pytest.mark.usefixtures("encrypted")
async def test_a_server_of_another_authority_is_refused(empty_dsn: str, tmp_path: Path) -> None:
    """The line names the reason and not the password."""
    OTHERS.cert_pem.write_to_path(str(tmp_path / "others.pem"))

    with pytest.raises(ServiceUnavailable, match="certificate verify failed"):
        await migrate(over_tls(empty_dsn, tmp_path / "others.pem"))


@pytest.mark.usefixtures("encrypted")
async def test_a_certificate_for_another_host_is_refused(empty_dsn: str, authority: Path) -> None:
    """With verify-full the certificate must be for the DSN's host."""
    elsewhere = empty_dsn.replace("@127.0.0.1", "@other.example")

    with pytest.raises(ServiceUnavailable, match="does not match host name"):
        await migrate(over_tls(elsewhere, authority, hostaddr="127.0.0.1"))


async def test_a_wrong_password_is_refused_without_it(postgres: EmbeddedPostgres) -> None:
    """The server's own line is passed on."""
    dsn = SecretStr(f"postgresql://rtmanager@127.0.0.1:{postgres.port}/postgres")

    with pytest.raises(RuntimeManagerError, match="password authentication failed") as refused:
        await migrate(with_password(dsn, SecretStr("wrong-canary")))

    assert "canary" not in refused.value.message


async def test_a_password_beside_the_dsn_is_used(postgres: EmbeddedPostgres) -> None:
    """The DSN need not contain the secret."""
    dsn = SecretStr(f"postgresql://rtmanager@127.0.0.1:{postgres.port}/postgres")
    pool = PostgresPool(with_password(dsn, SecretStr(postgres.password)))
    await pool.open()
    await pool.ping()
    await pool.close()
