"""Servers with unique texts as passwords, and everything that is heard of them."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from dev.embedded_redis import SERVICE_RIGHTS

POSTGRES, REDIS, REGISTRY, TRACES = (
    f"canary{name}0123" for name in ("Postgres", "Redis", "Registry", "Traces")
)
# What a careless text form would cut apart or encode.
PASSWORD_OF_POSTGRES = f"p@/:%{POSTGRES}?#'\\"
PASSWORD_OF_REDIS = f"p@/:% {REDIS}\"'"
USER = "canary_user"
NO_REGISTRY = "127.0.0.1:9"


def songs() -> list[str]:
    """Return every form in which a secret could appear."""
    plain = [POSTGRES, REDIS, REGISTRY, TRACES]
    encoded = [PASSWORD_OF_POSTGRES, PASSWORD_OF_REDIS, f"user:{REGISTRY}"]
    return plain + [base64.b64encode(each.encode()).decode() for each in encoded]


@dataclass
class Servers:
    """Servers on which our user has the canaries as its passwords, until they are changed."""

    given: dict[str, str]
    redis: Any
    directory: Path
    heard: list[str] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        """The administrator's DSN."""
        return self.given["postgres_primary_dsn"]

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the administrator's DSN."""
        return conninfo_to_dict(self.dsn)

    def settings(self, **more: str) -> dict[str, str]:
        """Return the service's settings with the secrets as variables."""
        where = f"127.0.0.1:{self.parameters['port']}/{self.parameters['dbname']}"
        login = f"{USER}:{quote(PASSWORD_OF_POSTGRES, safe='')}"
        return {
            **self.given,
            "postgres_primary_dsn": f"postgresql://{login}@{where}",
            "redis_username": USER,
            "redis_password": PASSWORD_OF_REDIS,
            "docker_config_file": str(self.directory / "config.json"),
            "game_lease_wait": "100ms",
            "log_level": "debug",
            **more,
        }

    def settings_from_files(self, **more: str) -> dict[str, str]:
        """Return the settings with the secrets in files."""
        settings = self.settings(**more)
        for name in ("postgres_primary_dsn", "redis_password"):
            file = self.directory / name
            file.write_text(f"{settings.pop(name)}\n")
            settings[f"{name}_file"] = str(file)
        return settings

    def give_passwords(self, postgres: str, redis: str) -> None:
        """Set the passwords of our user on both servers, and end the sessions it has."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            role, password = sql.Identifier(USER), sql.Literal(postgres)
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, password))
            ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s"
            connection.execute(ending, [USER])
        rights = ("reset", "on", f">{redis}", *SERVICE_RIGHTS.split())
        self.redis.execute_command("ACL", "SETUSER", USER, *rights)
        self.redis.execute_command("CLIENT", "KILL", "USER", USER)

    @contextmanager
    def other_passwords(self) -> Iterator[None]:
        """Refuse our user for the block."""
        self.give_passwords("another", "another")
        try:
            yield
        finally:
            self.give_passwords(PASSWORD_OF_POSTGRES, PASSWORD_OF_REDIS)

    def hear(self, what: object) -> None:
        """Remember something that others can read."""
        self.heard.append(what if isinstance(what, str) else json.dumps(what, default=str))

    def assert_silent(self) -> None:
        """Assert that no secret is in anything that was heard."""
        everything = "\n".join(self.heard)
        assert [song for song in songs() if song in everything] == []


@contextmanager
def role_of_postgres(dsn: str) -> Iterator[None]:
    """Create the user of Postgres, and drop it after the block."""
    name = sql.Identifier(USER)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(name))
        yield
        connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
        connection.execute(sql.SQL("DROP ROLE {}").format(name))
