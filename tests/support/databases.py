"""Private Postgres and Redis-compatible servers, empty or migrated for each test that asks."""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from redis import Redis

from dev.embedded_postgres import EmbeddedPostgres, start_postgres
from dev.embedded_redis import SERVICE_USER, Passwords, start_redis
from rtmanager.adapters.postgres.migrate import migrate
from rtmanager.adapters.redis.client import RedisLogin
from tests.support.run import Say

TEMPLATE = "migrated"
REDIS_PASSWORDS = Passwords(developer="", service="for-the-service")
"""Tests may do everything without a login; the service has the rights that it needs, no others."""
REDIS_LOGIN = RedisLogin(SERVICE_USER, REDIS_PASSWORDS.service)
REDIS_SETTINGS = {"redis_username": SERVICE_USER, "redis_password": REDIS_PASSWORDS.service}


@pytest.fixture(scope="session")
def postgres(session_dir: Path, say: Say) -> Iterator[EmbeddedPostgres]:
    """Return a Postgres server of this session's own."""
    server = start_postgres(session_dir / "postgres", say, durable=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_dsn(postgres: EmbeddedPostgres) -> str:
    """Return the connection string of the server's empty default database."""
    return postgres.dsn()


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres) -> Callable[[], str]:
    """Return a function that makes a migrated database and returns its connection string."""
    _execute(postgres, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    asyncio.run(migrate(postgres.dsn(TEMPLATE)))
    numbers = itertools.count(1)

    def make() -> str:
        name = f"test_{next(numbers)}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        _execute(postgres, statement.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        return postgres.dsn(name)

    return make


@pytest.fixture
def empty_dsn(postgres: EmbeddedPostgres) -> Iterator[str]:
    """Return the connection string of an empty database for this test alone."""
    name = sql.Identifier(f"empty_{secrets.token_hex(4)}")
    _execute(postgres, sql.SQL("CREATE DATABASE {}").format(name))
    yield postgres.dsn(name.as_string().strip('"'))
    _execute(postgres, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def database_dsn(postgres: EmbeddedPostgres, new_database: Callable[[], str]) -> Iterator[str]:
    """Return the connection string of a migrated database for this test alone."""
    dsn = new_database()
    yield dsn
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    # A test may end with open connections, for instance of a process that it killed.
    statement = sql.SQL("DROP DATABASE {} WITH (FORCE)")
    _execute(postgres, statement.format(sql.Identifier(str(name))))


def _execute(postgres: EmbeddedPostgres, statement: sql.Composed) -> None:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture(scope="session")
def new_redis(session_dir: Path) -> Iterator[Callable[[], str]]:
    """Return a function that starts one more empty server and returns its host:port."""
    numbers = itertools.count(1)
    with ExitStack() as running:

        def start() -> str:
            directory = session_dir / f"redis-{next(numbers)}"
            server = start_redis(directory, durable=False, passwords=REDIS_PASSWORDS)
            running.callback(server.stop)
            return server.address

        yield start


@pytest.fixture(scope="session")
def _shared_redis_addr(new_redis: Callable[[], str]) -> str:
    return new_redis()


@pytest.fixture
def redis_addr(_shared_redis_addr: str) -> str:
    """Return host:port of a server that was emptied for this test."""
    host, _, port = _shared_redis_addr.partition(":")
    with closing(Redis(host=host, port=int(port))) as client:
        client.flushall()
    return _shared_redis_addr
