"""A service that cannot start reports why in one line, and writes nothing else."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

SECRET = "tell-nobody"
WITHIN_SECONDS = 30

Serve = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def serve(service_settings: dict[str, str]) -> Serve:
    """Return a function that runs `rtmanager serve` with some settings changed, to its end."""

    def run(**overrides: str) -> subprocess.CompletedProcess[str]:
        chosen = {**service_settings, "internal_http_addr": "127.0.0.1:0", **overrides}
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("RTMANAGER_")
        }
        ours = {f"RTMANAGER_{name.upper()}": value for name, value in chosen.items() if value}
        return subprocess.run(
            [sys.executable, "-m", "rtmanager", "serve"],
            env={**inherited, **ours},
            capture_output=True,
            text=True,
            timeout=WITHIN_SECONDS,
            check=False,
        )

    return run


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Return a port on which someone listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def _fault(ended: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of a refused start."""
    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert line.startswith("rtmanager: ")
    assert "Traceback" not in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr
    return line


def test_unknown_runtime(serve: Serve) -> None:
    """The runtimes that the daemon has are named, as every start would be refused."""
    line = _fault(serve(docker_runtime="galaxy-none"))

    assert "no runtime galaxy-none" in line
    assert "runc" in line
    assert "RTMANAGER_DOCKER_RUNTIME" in line


def test_unreachable_postgres(serve: Serve) -> None:
    """The setting of a wrong Postgres address is named, the password is not."""
    line = _fault(serve(postgres_primary_dsn=f"postgresql://me:{SECRET}@127.0.0.1:9/galaxy"))

    assert "Connection refused" in line
    assert "RTMANAGER_POSTGRES_PRIMARY_DSN" in line


def test_missing_database(serve: Serve, service_settings: dict[str, str]) -> None:
    """A database that does not exist is reported in the words of Postgres."""
    dsn = service_settings["postgres_primary_dsn"].replace("/test_", "/missing_")
    assert dsn != service_settings["postgres_primary_dsn"]

    line = _fault(serve(postgres_primary_dsn=dsn))

    assert "does not exist" in line
    assert "RTMANAGER_POSTGRES_PRIMARY_DSN" in line


def test_unreachable_redis(serve: Serve) -> None:
    """The setting of a wrong Redis address is named, the password is not."""
    line = _fault(serve(redis_master_addr="127.0.0.1:9", redis_password=SECRET))

    assert "RTMANAGER_REDIS_MASTER_ADDR" in line


def test_wrong_login_of_redis(serve: Serve) -> None:
    """Redis runs: the settings of the login are named, and nothing else."""
    line = _fault(serve(redis_username="nobody", redis_password=SECRET))

    assert "check RTMANAGER_REDIS_USERNAME and RTMANAGER_REDIS_PASSWORD" in line
    assert ".;" not in line


def test_redis_without_tls(serve: Serve) -> None:
    """A server that waits for more of what it does not understand is not one that is down."""
    line = _fault(serve(redis_tls="true"))

    assert "that this port speaks TLS" in line


def test_unreachable_docker_over_tcp(serve: Serve) -> None:
    """A port without a listener is named as such, not as one that is silent."""
    line = _fault(serve(docker_host="tcp://127.0.0.1:9"))

    assert "Connection refused" in line
    assert "in time" not in line
    assert "RTMANAGER_DOCKER_HOST" in line


def test_unreachable_docker(serve: Serve) -> None:
    """A Docker daemon that cannot be reached is reported with its setting."""
    line = _fault(serve(docker_host="unix:///nonexistent/docker.sock"))

    assert "/nonexistent/docker.sock" in line
    assert "RTMANAGER_DOCKER_HOST" in line


def test_missing_network(serve: Serve) -> None:
    """The message contains the command that creates the missing network."""
    line = _fault(serve(docker_network="galaxy-test-missing"))

    assert "docker network create galaxy-test-missing" in line


def test_port_in_use(serve: Serve, taken_port: int) -> None:
    """An address that someone else uses is named."""
    line = _fault(serve(internal_http_addr=f"127.0.0.1:{taken_port}"))

    assert f"127.0.0.1:{taken_port}" in line
    assert "RTMANAGER_INTERNAL_HTTP_ADDR" in line


def test_one_bad_setting(serve: Serve) -> None:
    """A value that cannot be parsed is named together with what is accepted."""
    line = _fault(serve(probe_timeout="soon"))

    assert "RTMANAGER_PROBE_TIMEOUT" in line
    assert "accepted:" in line


def test_all_bad_settings_are_reported_at_once(serve: Serve) -> None:
    """Each error has its own line under one heading; no value is repeated."""
    ended = serve(probe_timeout="soon", redis_master_addr="", postgres_primary_dsn=SECRET)

    heading, *faults = ended.stderr.splitlines()
    named = {line.split()[0] for line in faults}

    assert ended.returncode == 1
    assert heading == "rtmanager: 3 settings are wrong:"
    assert named == {
        "RTMANAGER_PROBE_TIMEOUT",
        "RTMANAGER_REDIS_MASTER_ADDR",
        "RTMANAGER_POSTGRES_PRIMARY_DSN",
    }
    assert SECRET not in ended.stderr
