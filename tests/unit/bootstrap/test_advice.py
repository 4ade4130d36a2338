import os
from pathlib import Path

import pytest

from rtmanager.adapters.redis.errors import RedisFault, RedisUnavailable
from rtmanager.bootstrap.advice import docker_advice, postgres_advice, redis_advice
from rtmanager.domain.errors import DockerUnavailable, ServiceUnavailable

TLS_FILES = "RTMANAGER_REDIS_TLS_CERT_FILE and RTMANAGER_REDIS_TLS_KEY_FILE"


@pytest.mark.parametrize(
    ("fault", "is_encrypted", "advice"),
    [
        (RedisFault.LOGIN, False, "RTMANAGER_REDIS_USERNAME and RTMANAGER_REDIS_PASSWORD"),
        (RedisFault.CA_FILE, True, "RTMANAGER_REDIS_TLS_CA_FILE"),
        (RedisFault.KEY_FILES, True, TLS_FILES),
        (RedisFault.SILENT, True, "RTMANAGER_REDIS_MASTER_ADDR and that this port speaks TLS"),
        (RedisFault.NO_TLS, True, "RTMANAGER_REDIS_MASTER_ADDR and that this port speaks TLS"),
        (RedisFault.SILENT, False, "RTMANAGER_REDIS_MASTER_ADDR and that Redis runs"),
    ],
)
def test_each_fault_of_redis_has_its_advice(
    fault: RedisFault, *, is_encrypted: bool, advice: str
) -> None:
    """The settings that are named are those that may be wrong."""
    error = RedisUnavailable("Redis is not available: gone", fault)

    assert redis_advice(error, is_encrypted=is_encrypted) == f"check {advice}"


def test_an_outage_of_redis_has_the_plain_advice() -> None:
    """Its address may be wrong, or it does not run."""
    advice = redis_advice(ServiceUnavailable("Redis is not available: gone"), is_encrypted=True)

    assert advice == "check RTMANAGER_REDIS_MASTER_ADDR and that Redis runs"


@pytest.mark.parametrize(
    ("reason", "named"),
    [
        ('FATAL:  password authentication failed for user "me"', "RTMANAGER_POSTGRES_PASSWORD"),
        ("fe_sendauth: no password supplied", "RTMANAGER_POSTGRES_PASSWORD"),
        ("connection refused", "RTMANAGER_POSTGRES_PRIMARY_DSN and that Postgres runs"),
    ],
)
def test_a_refused_password_of_postgres_is_told_from_an_outage(reason: str, named: str) -> None:
    """Postgres runs then: its password is what is wrong."""
    assert named in postgres_advice(ServiceUnavailable(f"Postgres is not available: {reason}"))


def test_a_denied_socket_of_docker_is_told_from_an_outage(tmp_path: Path) -> None:
    """Docker runs then, and its socket's group may use it."""
    socket = tmp_path / "docker.sock"
    socket.touch()
    os.chown(socket, -1, 12345)
    denied = DockerUnavailable("the Docker daemon cannot be reached: Permission denied")
    gone = DockerUnavailable("the Docker daemon cannot be reached: Connection refused")

    assert "to the group 12345" in docker_advice(denied, f"unix://{socket}")
    assert "the Docker daemon runs" in docker_advice(gone, f"unix://{socket}")
