import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rtmanager.server.service_manager import READY, notify


@pytest.fixture(params=["{path}/notify", "@galaxy-{name}"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Return the address that systemd would give, a file or an abstract one, and its socket."""
    address = request.param.format(path=tmp_path, name=tmp_path.name)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0"))
        listener.settimeout(5)
        yield address, listener


def test_the_service_manager_is_told_the_state(manager: tuple[str, socket.socket]) -> None:
    """The state arrives as systemd expects it."""
    address, listener = manager
    notify(READY, {"NOTIFY_SOCKET": address})

    assert listener.recv(100) == b"READY=1"


def test_nobody_is_told_without_a_service_manager() -> None:
    """Most processes have none."""
    with capture_logs() as lines:
        notify(READY, {})

    assert lines == []


def test_a_service_manager_that_has_gone_does_not_disturb(tmp_path: Path) -> None:
    """The service goes on, and the log says why systemd will not wait for it."""
    with capture_logs() as lines:
        notify(READY, {"NOTIFY_SOCKET": str(tmp_path / "gone")})

    assert [line["event"] for line in lines] == ["service_manager_not_notified"]
