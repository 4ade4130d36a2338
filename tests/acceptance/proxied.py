"""A proxy before each server that the service works on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.services.proxy import Proxy

DOCKER_TIMEOUT = 3.0


class Proxies:
    """One proxy before each server."""

    def __init__(self, settings: dict[str, str], sockets: Path) -> None:
        conninfo: Any = psycopg.conninfo.conninfo_to_dict(settings["postgres_primary_dsn"])
        redis_host, _, redis_port = settings["redis_master_addr"].partition(":")
        docker_socket = Path(settings["docker_host"].removeprefix("unix://"))
        self.postgres = Proxy(_postgres_address(conninfo))
        self.redis = Proxy((redis_host, int(redis_port)))
        self.docker = Proxy(docker_socket, listen_on=sockets / "docker.sock")
        self.docker_host = f"unix://{sockets}/docker.sock"
        self._conninfo = conninfo

    def __iter__(self) -> Iterator[Proxy]:
        """Return each of them."""
        return iter((self.postgres, self.redis, self.docker))

    @property
    def dsn(self) -> str:
        """Return the connection string that goes through the proxy."""
        through = {**self._conninfo, "host": "127.0.0.1", "port": self.postgres.port}
        return psycopg.conninfo.make_conninfo("", **through)


def _postgres_address(conninfo: Any) -> tuple[str, int] | Path:
    host, port = str(conninfo["host"]), int(conninfo.get("port", 5432))
    return Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else (host, port)
