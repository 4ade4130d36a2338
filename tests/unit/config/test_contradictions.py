from pathlib import Path

import pytest

from rtmanager.config import ConfigError, Settings

REQUIRED = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://rtm:hunter2@db:5432/galaxy",
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}


def faulty(**variables: str) -> list[str]:
    """Return the variables with a fault in an otherwise valid environment."""
    given = {f"RTMANAGER_{name}": value for name, value in variables.items()}
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(REQUIRED | given)
    return [fault.variable.removeprefix("RTMANAGER_") for fault in caught.value.faults]


@pytest.mark.parametrize("given", ["CERT", "KEY"])
def test_a_certificate_without_its_key_or_the_reverse_is_a_fault(given: str) -> None:
    """The service can identify itself with both, or with neither."""
    missing = {"CERT": "KEY", "KEY": "CERT"}[given]
    variables = {f"REDIS_TLS_{given}_FILE": "/run/secrets/redis.pem"}

    assert faulty(REDIS_TLS="true", **variables) == [f"REDIS_TLS_{missing}_FILE"]


def test_certificates_for_redis_without_tls_are_a_fault() -> None:
    """Whoever sets them expects an encrypted connection."""
    assert faulty(REDIS_TLS_CA_FILE="/run/secrets/ca.pem") == ["REDIS_TLS_CA_FILE"]


@pytest.mark.parametrize("host", ["unix:///var/run/docker.sock", "http://docker:2375"])
def test_certificates_for_a_docker_that_is_not_reached_by_tls_are_a_fault(host: str) -> None:
    """A unix socket needs none, and http:// would not use them."""
    assert faulty(DOCKER_HOST=host, DOCKER_CERT_PATH="/certs") == ["DOCKER_CERT_PATH"]


def test_two_passwords_for_postgres_are_a_fault() -> None:
    """Which of the two is in force must not be a question."""
    assert faulty(POSTGRES_PASSWORD="hunter3") == ["POSTGRES_PASSWORD"]


def test_a_file_with_a_second_password_for_postgres_is_a_fault_of_its_variable(
    tmp_path: Path,
) -> None:
    """The variable that is named is the one that is set."""
    (tmp_path / "password").write_text("hunter3")

    assert faulty(POSTGRES_PASSWORD_FILE=f"{tmp_path}/password") == ["POSTGRES_PASSWORD_FILE"]
