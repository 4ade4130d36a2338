"""Before an action a person is asked; after Ctrl-C the operation continues."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from rtmanager.cli import actions
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_service import FakeService

HEARS_CTRL_C = ("env", "--default-signal=INT")
"""What a shell starts in the background ignores Ctrl-C, and so would the command."""
COMMAND = ("restart", "g", "--yes", "--url")


@pytest.mark.parametrize("command", [["stop"], ["restart"], ["patch"], ["cleanup"]])
def test_refused_confirmation_does_nothing(
    run: Run, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal the game is named and no is the default; `--yes` and scripts are not asked."""
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text, **_: asked.append(text))
    monkeypatch.setattr(actions, "is_asked", lambda: True)
    words = [*command, "my-game", *(["a:1.0.0"] if command == ["patch"] else [])]
    service = FakeService()
    result = run(service, *words)

    assert (result.exit_code, service.requests) == (1, [])
    assert "my-game" in asked[0]
    assert run(service, *words, "--yes").exit_code == 0
    assert len(asked) == 1


def test_ctrl_c_says_how_to_find_the_operation() -> None:
    """The service has the request, and the command ends with 130."""
    with socket.socket() as service:
        service.bind(("127.0.0.1", 0))
        service.listen()
        url = f"http://127.0.0.1:{service.getsockname()[1]}"
        with subprocess.Popen(
            [*HEARS_CTRL_C, sys.executable, "-m", "rtmanager", *COMMAND, url],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stderr=subprocess.PIPE,
            text=True,
        ) as command:
            connection, _ = service.accept()
            with connection:
                request = connection.recv(1000).decode()
                command.send_signal(signal.SIGINT)
                said = command.communicate(timeout=30)[1]

    request_id = re.findall(r"x-request-id: (\w+)", request, re.IGNORECASE)[0]
    assert f"continues; `rtmanager ops --request {request_id}` finds it" in said
    assert command.returncode == 130
