import os
from pathlib import Path

import pytest
import trustme

from rtmanager.bootstrap.named_files import file_faults
from rtmanager.config import Fault, Settings
from rtmanager.handlers.api_tokens import line_of
from tests.support.tls import write_certificates

OURS, OTHERS = trustme.CA(), trustme.CA()
REQUIRED = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://rtm@db:5432/galaxy",
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
    "RTMANAGER_REDIS_TLS": "true",
    "RTMANAGER_DOCKER_HOST": "tcp://docker:2376",
}


def faults_of(**files: Path) -> list[Fault]:
    """Return the faults of settings that name these files."""
    variables = {f"RTMANAGER_{name}": str(path) for name, path in files.items()}
    return list(file_faults(Settings.from_environment(REQUIRED | variables)))


def redis_files(directory: Path) -> dict[str, Path]:
    """Return the settings of Redis's certificates in a directory."""
    return {
        f"REDIS_TLS_{name}_FILE": directory / f"{name.lower()}.pem"
        for name in ("CA", "CERT", "KEY")
    }


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Return a directory of valid certificates."""
    return write_certificates(tmp_path / "certificates", OURS)


def test_usable_files_are_no_fault(tmp_path: Path, certificates: Path) -> None:
    """Neither are files that are not set."""
    (tmp_path / "tokens").write_text(line_of("gm-1", "gm", "first"))

    assert faults_of() == []
    assert (
        faults_of(
            API_TOKENS_FILE=tmp_path / "tokens",
            DOCKER_CERT_PATH=certificates,
            **redis_files(certificates),
        )
        == []
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), ("", "it has no tokens"), ("secret-1", "line 1 is not")],
)
def test_tokens_that_cannot_be_read_are_a_fault(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    """The fault has the path and the reason, and nothing of the file."""
    path = tmp_path / "tokens"
    if content is not None:
        path.write_text(content)

    (fault,) = faults_of(API_TOKENS_FILE=path)

    assert fault.variable == "RTMANAGER_API_TOKENS_FILE"
    assert fault.problem.startswith(f"names {path}, which cannot be used: ")
    assert reason in fault.problem
    assert "secret-1" not in str(fault)


@pytest.mark.parametrize("name", ["CA", "CERT", "KEY"])
@pytest.mark.parametrize("content", [None, "garbage"])
def test_certificates_for_redis_that_cannot_be_used_are_a_fault(
    certificates: Path, name: str, content: str | None
) -> None:
    """Only the file at fault is named; a key is recognised together with its certificate."""
    path = certificates / f"{name.lower()}.pem"
    path.unlink() if content is None else path.write_text(content)
    named = "CERT" if (name, content) == ("KEY", "garbage") else name

    (fault,) = faults_of(**redis_files(certificates))

    assert fault.variable == f"RTMANAGER_REDIS_TLS_{named}_FILE"
    assert "cannot be used: " in fault.problem


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem", "key.pem"])
def test_certificates_for_docker_that_are_missing_are_a_fault(
    certificates: Path, name: str
) -> None:
    """The file that is missing is named."""
    (certificates / name).unlink()

    (fault,) = faults_of(DOCKER_CERT_PATH=certificates)

    assert str(fault) == (
        f"RTMANAGER_DOCKER_CERT_PATH names {certificates / name}, which cannot be used: "
        f"{os.strerror(2)}; accepted: a directory with ca.pem, cert.pem and key.pem"
    )


def test_a_key_of_another_certificate_is_a_fault(certificates: Path, tmp_path: Path) -> None:
    """Both can be read, but they are no pair."""
    other = write_certificates(tmp_path / "other", OTHERS)
    files = redis_files(certificates) | {"REDIS_TLS_KEY_FILE": other / "key.pem"}

    (fault,) = faults_of(**files)

    assert fault.variable == "RTMANAGER_REDIS_TLS_CERT_FILE"
