import logging
from pathlib import Path

import pytest

from rtmanager.bootstrap.transport import Transport


def warnings_of(caplog: pytest.LogCaptureFixture, transport: Transport) -> list[str]:
    """Return the events that are logged."""
    with caplog.at_level(logging.WARNING):
        transport.warn()
    return [record.message for record in caplog.records]


@pytest.mark.parametrize(
    "host", ["tcp://10.0.0.5:2375", "http://docker.example:2375", "tcp://[fd00::1]:2375"]
)
def test_plain_tcp_to_docker_is_warned_of(caplog: pytest.LogCaptureFixture, host: str) -> None:
    """Whoever is on the way to such a Docker is root on its machine."""
    transport = Transport(host, is_docker_verified=False, private_keys=[])

    assert warnings_of(caplog, transport) == ["docker_without_tls"]


@pytest.mark.parametrize(
    "host",
    [
        "unix:///var/run/docker.sock",
        "tcp://127.0.0.1:2375",
        "tcp://localhost:2375",
        "tcp://[::1]:2375",
        "https://docker.example:2376",
        "tcp://[malformed:2375",
    ],
)
def test_other_ways_to_docker_are_not(caplog: pytest.LogCaptureFixture, host: str) -> None:
    """A socket and the loopback interface never leave the machine; https:// is encrypted."""
    transport = Transport(host, is_docker_verified=False, private_keys=[])

    assert warnings_of(caplog, transport) == []


def test_tcp_with_certificates_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """With certificates a tcp:// address is encrypted."""
    transport = Transport("tcp://10.0.0.5:2376", is_docker_verified=True, private_keys=[])

    assert warnings_of(caplog, transport) == []


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(0o600, []), (0o640, []), (0o644, ["private_key_readable_by_others"])],
)
def test_a_private_key_that_everyone_can_read_is_warned_of(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, mode: int, expected: list[str]
) -> None:
    """The owner's group may read it, as orchestrators arrange it."""
    key = tmp_path / "key.pem"
    key.touch()
    key.chmod(mode)
    transport = Transport("unix:///x", is_docker_verified=False, private_keys=[key])

    assert warnings_of(caplog, transport) == expected


def test_a_private_key_that_is_missing_is_left_to_its_user(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The connection that needs it reports it with its reason."""
    keys = [tmp_path / "none"]
    transport = Transport("unix:///x", is_docker_verified=False, private_keys=keys)

    assert warnings_of(caplog, transport) == []
