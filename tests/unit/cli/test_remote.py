"""How the commands reach a service, and what its errors become."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from rtmanager.cli.app import app
from rtmanager.cli.completion import game_ids, node_names
from rtmanager.cli.faults import ExitCode
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_service import FakeService, failed

NOT_THERE = httpx.ConnectError("nothing listens")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (failed(404, "not_found"), ExitCode.NOT_FOUND),
        (failed(409, "conflict"), ExitCode.CONFLICT),
        (failed(409, "semver_patch_only"), ExitCode.CONFLICT),
        (failed(400, "invalid_request"), ExitCode.USAGE),
        (failed(400, "start_config_invalid"), ExitCode.USAGE),
        (failed(401, "invalid_request"), ExitCode.NOT_ALLOWED),
        (failed(403, "invalid_request"), ExitCode.NOT_ALLOWED),
        (failed(500, "container_start_failed"), ExitCode.FAILED),
        (failed(500, "internal_error"), ExitCode.FAILED),
        (failed(503, "docker_unavailable"), ExitCode.UNAVAILABLE),
        (failed(503, "service_unavailable"), ExitCode.UNAVAILABLE),
        (httpx.Response(502, text="bad gateway"), ExitCode.UNAVAILABLE),
        (NOT_THERE, ExitCode.UNAVAILABLE),
    ],
)
def test_each_error_has_its_exit_code(run: Run, answer: Any, code: ExitCode) -> None:
    """The reason is one line on stderr, and standard output stays empty."""
    result = run(FakeService(*[answer] * 4), "get", "my-game")

    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("rtmanager: ")
    assert len(result.stderr.splitlines()) == 1


def test_token_of_the_file_or_the_variable_is_sent(run: Run, tmp_path: Path) -> None:
    """The file wins; the token is never an argument, which other users could see."""
    (tmp_path / "token").write_text("from-file\n")
    file = f"{tmp_path}/token"
    service = FakeService()
    run(service, "get", "g", RTM_TOKEN="from-variable")
    run(service, "get", "g", RTM_TOKEN="from-variable", RTM_TOKEN_FILE=file)
    run(service, "get", "g", "--token-file", file)
    run(service, "get", "g")

    sent = [each.headers.get("authorization") for each in service.requests]
    assert sent == ["Bearer from-variable", "Bearer from-file", "Bearer from-file", None]


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff"])
def test_file_without_a_token_is_wrong_usage(run: Run, content: bytes, tmp_path: Path) -> None:
    """Nothing of the file is repeated."""
    (tmp_path / "token").write_bytes(content)
    result = run(FakeService(), "get", "g", "--token-file", f"{tmp_path}/token")

    assert result.exit_code == ExitCode.USAGE
    assert "words" not in result.stderr


@pytest.mark.parametrize("url", ["localhost:8096", "ftp://x", "http://", "http://x:y", ""])
def test_address_that_is_none_is_wrong_usage(url: str) -> None:
    """What is accepted is said."""
    result = CliRunner().invoke(app, ["list", "--url", url])

    assert result.exit_code == ExitCode.USAGE
    assert "http://host:port" in result.stderr


def test_missing_token_says_how_to_give_one(run: Run) -> None:
    """An error says what to do in this command line."""
    result = run(FakeService(failed(401, "invalid_request", "the request has no token")), "list")

    assert "--token-file" in result.stderr


def test_completion_is_silent_without_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault would appear in the line that is being written."""
    monkeypatch.setenv("RTM_URL", "http://127.0.0.1:9")

    assert game_ids("my") == []
    assert node_names("wo") == []
