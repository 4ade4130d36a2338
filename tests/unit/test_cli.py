import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rtmanager import __version__
from rtmanager.cli import app
from rtmanager.config import PREFIX, Settings
from rtmanager.domain.operation import OpSource
from rtmanager.handlers.api_tokens import ApiTokens, TokenHolder

VALID = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://rtm:hunter2@db:5432/galaxy",
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_REDIS_PASSWORD": "hunter2",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the settings of whoever runs the tests."""
    for name in os.environ:
        if name.startswith((PREFIX, "OTEL_")):
            monkeypatch.delenv(name)


def call(*arguments: str, **environment: str) -> Any:
    """Run one command in this process."""
    return CliRunner().invoke(app, arguments, env=environment)


def test_version_is_printed() -> None:
    """`--version` prints the version and nothing else."""
    result = call("--version")

    assert result.output == f"rtmanager {__version__}\n"
    assert result.exit_code == 0


@pytest.mark.parametrize("command", ["serve", "migrate", "check-config", "token"])
def test_every_command_explains_itself(command: str) -> None:
    """Each command is in the help and has help of its own."""
    assert command in call("--help").output
    assert call(command, "--help").exit_code == 0


def test_check_config_shows_that_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    """Both forms name the source and mask the value."""
    (tmp_path / "password").write_text("tell-nobody\n")
    without = {name: VALID[name] for name in VALID if "PASSWORD" not in name}
    variables = without | {"RTMANAGER_REDIS_PASSWORD_FILE": f"{tmp_path}/password"}

    table, document = call("check-config", **variables), call("check-config", "--json", **variables)

    lines = [line.split() for line in table.stdout.splitlines()]
    shown = {each["variable"]: each for each in json.loads(document.stdout)["settings"]}
    assert ["RTMANAGER_REDIS_PASSWORD", "file", "**********"] in lines
    assert shown["RTMANAGER_REDIS_PASSWORD"]["source"] == "file"
    assert "tell-nobody" not in table.output + document.output


def test_check_config_shows_every_setting_with_its_source() -> None:
    """`check-config` prints one line per setting: name, source, value."""
    result = call("check-config", **VALID, RTMANAGER_LOG_LEVEL="debug")
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]

    assert result.exit_code == 0
    assert len(lines) == len(Settings.model_fields)
    assert ["RTMANAGER_LOG_LEVEL", "environment", "debug"] in lines
    assert ["RTMANAGER_LOG_FORMAT", "default", "json"] in lines
    assert ["RTMANAGER_GAME_STATE_OWNER_UID", "default", "-"] in lines


@pytest.mark.parametrize("arguments", [["check-config"], ["check-config", "--json"]])
def test_check_config_masks_secrets(arguments: list[str]) -> None:
    """Neither format prints a secret."""
    result = call(*arguments, **VALID)

    assert "********" in result.output
    assert "hunter2" not in result.output


def test_check_config_as_json_is_for_scripts() -> None:
    """With `--json` the output is one document of settings without faults."""
    document = json.loads(call("check-config", "--json", **VALID).stdout)

    assert document["faults"] == []
    assert document["settings"][0] == {
        "variable": "RTMANAGER_INTERNAL_HTTP_ADDR",
        "value": ":8096",
        "source": "default",
        "description": "Where the REST API listens.",
    }


def test_check_config_names_all_faults_and_exits_with_1() -> None:
    """Every fault is on stderr, on a line of its own."""
    result = call("check-config", RTMANAGER_REDIS_MASTER_ADDR="hunter2")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "hunter2" not in result.stderr
    assert [line.split()[0] for line in result.stderr.splitlines()] == [
        "rtmanager:",
        "RTMANAGER_POSTGRES_PRIMARY_DSN",
        "RTMANAGER_REDIS_MASTER_ADDR",
        "RTMANAGER_GAME_STATE_ROOT",
    ]


def test_check_config_names_all_faults_as_json() -> None:
    """With `--json` the faults are in the document, and the exit code is the same."""
    result = call("check-config", "--json", **(VALID | {"RTMANAGER_REDIS_MASTER_ADDR": "redis"}))

    assert result.exit_code == 1
    assert json.loads(result.stdout)["faults"] == [
        {
            "variable": "RTMANAGER_REDIS_MASTER_ADDR",
            "problem": "is not host:port",
            "accepted": "host:port, no scheme",
        }
    ]


@pytest.mark.parametrize("command", ["serve", "migrate", "check-config"])
def test_a_single_fault_is_one_line(command: str) -> None:
    """One invalid setting prints one line that says what to do, without a traceback."""
    result = call(command, **(VALID | {"RTMANAGER_PROBE_INTERVAL": "often"}))

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("rtmanager: RTMANAGER_PROBE_INTERVAL is not a duration;")


@pytest.mark.parametrize("name", ["API_TOKENS_FILE", "REDIS_TLS_CA_FILE", "DOCKER_CERT_PATH"])
def test_check_config_reads_the_files_that_settings_name(name: str) -> None:
    """The service would not start, so this must not succeed."""
    needed = {"RTMANAGER_REDIS_TLS": "true", "RTMANAGER_DOCKER_HOST": "tcp://docker:2376"}

    result = call("check-config", **VALID, **needed, **{f"RTMANAGER_{name}": "/nonexistent/file"})

    assert result.exit_code == 1
    assert result.stderr.startswith(f"rtmanager: RTMANAGER_{name} names /nonexistent/file")
    assert "No such file or directory" in result.stderr


def test_help_of_token_keeps_the_file_from_others() -> None:
    """Under the usual umask `>>` makes a file that everybody may read."""
    assert "umask 077" in call("token", "--help").output


def test_check_config_loads_nothing_of_the_service() -> None:
    """`check-config` is quick because it imports neither the server nor any client."""
    code = (
        "import sys; from rtmanager.cli import app; app(['check-config'], standalone_mode=False);"
        "print({'connexion', 'docker', 'uvicorn', 'redis'} & set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **VALID, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert output.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("source", "recorded"), [("gm", OpSource.GM_REST), ("admin", OpSource.ADMIN_REST)]
)
def test_token_prints_the_line_that_admits_it(
    source: str, recorded: OpSource, tmp_path: Path
) -> None:
    """Standard output is the line for the file; the token itself is shown beside it, once."""
    file = tmp_path / "tokens"
    result = call("token", "gm-1", "--source", source)
    file.write_text(result.stdout)
    token = result.stderr.splitlines()[-1]

    assert result.exit_code == 0
    assert token not in result.stdout
    assert ApiTokens(file).holder_of(token.encode()) == TokenHolder("gm-1", recorded)


@pytest.mark.parametrize(
    "arguments", [["gm 1", "--source", "gm"], ["gm-1", "--source", "lobby"], ["gm-1"], []]
)
def test_token_is_made_only_for_a_line_that_would_be_read(arguments: list[str]) -> None:
    """A wrong name or source prints no line and no token."""
    result = call("token", *arguments)

    assert result.exit_code != 0
    assert result.stdout == ""
    assert "rtm_" not in result.stderr
