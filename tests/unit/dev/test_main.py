"""`python -m dev`: the service in a prepared environment, its welcome, signals and faults."""

import re
import signal
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dev.__main__ import app
from dev.background_process import BackgroundProcess
from rtmanager.handlers.api_tokens import line_of
from tests.unit.server.test_process import VALID, faked, line_with, outcome

PREPARED = {f"FAKE_PREPARED_{name}": value for name, value in VALID.items()}


def call(*arguments: str) -> Any:
    """Run the command line in this process."""
    return CliRunner().invoke(app, arguments)


def test_the_command_line_explains_itself() -> None:
    """The help says what runs, where its data is kept, and how to stop dockerd."""
    result = call("--help")

    assert result.exit_code == 0
    for word in ("RTMANAGER_*", "--data-dir", ".rtmanager", "stop-docker"):
        assert word in result.output
    assert call("stop-docker", "--help").exit_code == 0


def test_stop_docker_stops_the_dockerd_of_the_directory(tmp_path: Path) -> None:
    """The command prepares nothing and stops only a dockerd that an earlier run started there."""
    dockerd = BackgroundProcess.start(
        ["sleep", "60"], pid_file=tmp_path / "dockerd.pid", log_file=tmp_path / "log"
    )

    result = call("--data-dir", str(tmp_path), "stop-docker")

    was_running = dockerd.is_running()
    dockerd.stop(seconds=5)
    assert (result.exit_code, was_running) == (0, False)
    assert result.output.startswith(f"Stopping dockerd (pid {dockerd.pid})")


def test_a_start_up_fault_is_one_clear_line(tmp_path: Path) -> None:
    """A missing dependency ends the start with one line and no traceback."""
    code, _, stderr = outcome("dev", "--data-dir", str(tmp_path), **PREPARED, FAKE_FAULT="service")

    assert code == 1
    assert stderr == "rtmanager: Postgres cannot be reached; is it running?\n"


def test_the_welcome_names_the_urls_and_a_first_command(tmp_path: Path) -> None:
    """`make run` prints its URLs and a first command once it serves."""
    with faked("dev", "--data-dir", str(tmp_path), **PREPARED) as process:
        welcome = line_with("service ", process.stdout)
        console = line_with("console ", process.stdout)
        swagger_ui = line_with("Swagger UI", process.stdout)
        commands = line_with("command line", process.stdout)
        checks = line_with("checks ", process.stdout)
        command = line_with("curl", process.stdout)
        written = (tmp_path / "env").read_text()
        process.send_signal(signal.SIGINT)
        stdout = process.communicate(timeout=30)[0]

    assert re.search(r" http://127\.0\.0\.1:[1-9]\d*$", welcome.strip())
    assert console.strip().endswith("/console/")
    url = welcome.split()[-1]
    assert commands.strip().endswith(f".venv/bin/rtmanager list --url {url}")
    assert checks.strip().endswith(f"doctor --env-file {tmp_path}/env")
    assert f"RTM_URL={url}\n" in written
    assert "RTMANAGER_REDIS_MASTER_ADDR=redis:6379\n" in written
    assert swagger_ui.strip().endswith("/swagger/ui")
    assert "/api/v1/internal/runtimes/" in command
    assert stdout.endswith("closed\nenvironment stopped\n")
    assert process.returncode == 0


@pytest.mark.parametrize("with_token", [True, False])
def test_the_first_command_has_a_token_if_one_is_needed(
    tmp_path: Path, *, with_token: bool
) -> None:
    """Without one it would be answered with 401."""
    (tmp_path / "tokens").write_text(line_of("me", "admin", "a-token"))
    chosen = {"RTMANAGER_API_TOKENS_FILE": f"{tmp_path}/tokens"} if with_token else {}

    with faked("dev", "--data-dir", str(tmp_path), **PREPARED, **chosen) as process:
        line_with("curl", process.stdout)
        rest = list(takewhile(str.strip, process.stdout or []))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    token = ["    -H 'Authorization: Bearer TOKEN' \\\n"] if with_token else []
    assert rest[:-1] == token
    assert "image_ref" in rest[-1]


def test_variables_that_are_set_win(tmp_path: Path) -> None:
    """The user's variables take precedence over prepared ones."""
    conflicting = VALID | {"RTMANAGER_LOG_FORMAT": "json"}
    prepared = {f"FAKE_PREPARED_{name}": value for name, value in conflicting.items()}

    _, _, stderr = outcome(
        "dev", "--data-dir", str(tmp_path), **prepared, RTMANAGER_LOG_FORMAT="xml"
    )

    assert stderr.startswith("rtmanager: RTMANAGER_LOG_FORMAT is not valid;")


def test_a_machine_that_cannot_be_prepared_is_one_clear_line() -> None:
    """A failed preparation is one line that says what to do."""
    code, _, stderr = outcome("dev", FAKE_FAULT="set-up")

    assert (code, stderr) == (1, "rtmanager: Docker is missing; install it\n")


def test_sigterm_during_the_preparation_reverts_it() -> None:
    """A signal during the preparation leaves nothing running."""
    with faked("dev", FAKE_FAULT="slow set-up") as process:
        line_with("preparing", process.stdout)
        process.send_signal(signal.SIGTERM)
        stdout = process.communicate(timeout=30)[0]

    assert stdout == "preparation reverted\n"
    assert process.returncode != 0
