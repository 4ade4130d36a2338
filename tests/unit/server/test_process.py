"""The process: start, address, signals, faults and exit codes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import takewhile
from pathlib import Path

import pytest

from rtmanager.config import Settings
from rtmanager.server import policies
from rtmanager.server.connections import Limits

FAKE_SERVICE = Path(__file__).with_name("fake_service.py")
VALID = {
    "RTMANAGER_INTERNAL_HTTP_ADDR": "127.0.0.1:0",
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://db/galaxy",
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}


@contextmanager
def faked(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command line with the stand-in service, in a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RTM")}
    process = subprocess.Popen(
        [sys.executable, FAKE_SERVICE, *arguments],
        env={**clean, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def outcome(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command to its end; return exit code, stdout and stderr."""
    with faked(*arguments, **environment) as process:
        stdout, stderr = process.communicate(timeout=30)
    return process.returncode, stdout, stderr


def line_with(text: str, lines: Iterator[str] | None) -> str:
    """Wait for a line that contains a text."""
    assert lines is not None
    return next(line for line in lines if text in line)


def test_serve_answers_until_sigterm_then_closes_and_exits_with_0() -> None:
    """SIGTERM closes the service, logs that, and exits with code 0."""
    with faked("serve", **VALID) as process:
        serving = json.loads(line_with("serving", process.stderr))
        connection = HTTPConnection(serving["address"], timeout=10)
        connection.request("GET", "/")
        status = connection.getresponse().status
        connection.close()
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=30)

    assert status == 204
    assert stdout == "opened\nwithdrawn\nclosed\n"
    assert json.loads(stderr.splitlines()[-1])["event"] == "stopped"
    assert process.returncode == 0


def test_serve_logs_json_only() -> None:
    """Every line is JSON, the server's own lines included."""
    with faked("serve", **VALID) as process:
        serving = line_with("serving", process.stderr)
        process.send_signal(signal.SIGTERM)
        rest = process.communicate(timeout=30)[1]

    assert all(
        {"event", "level", "logger", "timestamp"} <= json.loads(line).keys()
        for line in [serving, *rest.splitlines()]
    )


@pytest.mark.parametrize(("allowed", "warnings"), [("", 1), ("galaxy/*", 0)])
def test_serve_warns_that_all_images_are_allowed(allowed: str, warnings: int) -> None:
    """The warning names the setting that limits them."""
    with faked("serve", **VALID, RTMANAGER_ALLOWED_IMAGES=allowed) as process:
        assert process.stderr is not None
        lines = map(json.loads, takewhile(lambda line: "serving" not in line, process.stderr))
        said = [each for each in lines if each["event"] == "all_images_allowed"]

    assert [each["level"] for each in said] == ["warning"] * warnings
    assert all(each["setting"] == "RTMANAGER_ALLOWED_IMAGES" for each in said)


def test_a_start_up_fault_is_one_clear_line() -> None:
    """A missing dependency ends the start with one line and no traceback."""
    code, _, stderr = outcome("serve", **VALID, FAKE_FAULT="service")

    assert code == 1
    assert stderr == "rtmanager: Postgres cannot be reached; is it running?\n"


def test_an_unusable_file_of_tokens_is_one_clear_line_before_anything_is_opened(
    tmp_path: Path,
) -> None:
    """Without its tokens the service does not start, rather than without asking for any."""
    file = tmp_path / "tokens"
    missing = outcome("serve", **VALID, RTMANAGER_API_TOKENS_FILE=str(file))
    file.write_text("gm-1 gm rtm_secret")
    broken = outcome("serve", **VALID, RTMANAGER_API_TOKENS_FILE=str(file))

    advice = "correct the file or RTMANAGER_API_TOKENS_FILE\n"
    said = f"rtmanager: cannot use the tokens in {file}: "
    assert missing == (1, "", f"{said}it cannot be read: No such file or directory; {advice}")
    assert broken[:2] == (1, "")
    assert broken[2].startswith(f"{said}line 1 is not `name gm|admin sha256`;")
    assert len(broken[2].splitlines()) == 1
    assert "secret" not in broken[2]


def test_an_address_in_use_is_one_clear_line_before_anything_is_opened() -> None:
    """A second service on the same address fails before it opens anything."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        code, stdout, stderr = outcome(
            "serve", **(VALID | {"RTMANAGER_INTERNAL_HTTP_ADDR": address})
        )

    assert code == 1
    assert stdout == ""
    assert stderr.startswith(f"rtmanager: cannot listen on {address}: Address already in use;")
    assert len(stderr.splitlines()) == 1


def test_an_application_that_does_not_start_ends_the_process() -> None:
    """If the HTTP application fails to start, the service is closed and the exit code is not 0."""
    code, stdout, stderr = outcome("serve", **VALID, FAKE_FAULT="lifespan")

    assert code == 1
    assert stdout == "opened\n"
    assert "an operation is not bound" in stderr
    assert stderr.splitlines()[-1].startswith("rtmanager: the HTTP application did not start;")


@pytest.mark.parametrize(
    ("migrated", "line"),
    [
        ("0,2", "Schema rtm went from version 0 to 2.\n"),
        ("2,2", "Schema rtm is up to date: version 2.\n"),
    ],
)
def test_migrate_says_from_which_version_to_which(migrated: str, line: str) -> None:
    """`migrate` prints the versions before and after."""
    assert outcome("migrate", **VALID, FAKE_MIGRATED=migrated) == (0, line, "")


@pytest.mark.parametrize(("files", "connections"), [(5000, 77), (100, 25)])
def test_callers_get_what_is_set_as_far_as_files_allow(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    """The cap on connections and the deadline of a request are settings."""
    monkeypatch.setattr(policies, "raise_file_limit", lambda: files)
    limits = {"RTMANAGER_MAX_CONNECTIONS": "77", "RTMANAGER_REQUEST_TIMEOUT": "3s"}
    settings = Settings.from_environment(VALID | limits)

    assert policies.connection_limits(settings) == Limits(connections, 3.0)
