import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dev.env_file import write_env_file
from rtmanager import __version__
from rtmanager.cli.app import COMMANDS, app
from rtmanager.cli.faults import MEANINGS
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


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    """Each command is in the help, in one whole line, and has help of its own."""
    (line,) = re.findall(rf"^  {command} +(.*)$", call("--help").output, re.MULTILINE)

    assert line.endswith(".")
    assert not line.endswith("...")
    assert call(command, "--help").exit_code == 0


def test_exit_codes_are_in_the_help() -> None:
    """Scripts are written against them."""
    shown = call("--help").output

    for code, meaning in MEANINGS.items():
        assert f"{code.value:>3}  {meaning}\n" in shown


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
    """Every fault is on stderr, on a line of its own; nothing shows what may be a password."""
    result = call("check-config", RTMANAGER_REDIS_MASTER_ADDR="hunter2")

    assert result.exit_code == 1
    assert "hunter2" not in result.output
    assert [line.split()[0] for line in result.stderr.splitlines()] == [
        "rtmanager:",
        "RTMANAGER_POSTGRES_PRIMARY_DSN",
        "RTMANAGER_REDIS_MASTER_ADDR",
        "RTMANAGER_GAME_STATE_ROOT",
    ]


def test_check_config_shows_all_settings_beside_a_fault_and_what_was_given() -> None:
    """A wrong number, duration or choice is repeated; a text may be a password, and is not."""
    wrong = {
        "RTMANAGER_PROBE_INTERVAL": "often",
        "RTMANAGER_REDIS_MASTER_ADDR": "hunter2",
        "RTMANAGER_LOG_LEVEL": "loud",
        "RTMANAGER_PROBE_FAILURE": "3",
    }
    result = call("check-config", **(VALID | wrong))
    lines = [line.split(maxsplit=2) for line in result.stdout.splitlines()]

    assert result.exit_code == 1
    assert len(lines) == len(Settings.model_fields)
    assert ["RTMANAGER_PROBE_INTERVAL", "environment", "often"] in lines
    assert ["RTMANAGER_LOG_LEVEL", "environment", "loud"] in lines
    hidden = "(7 characters, not shown)"
    assert ["RTMANAGER_REDIS_MASTER_ADDR", "environment", hidden] in lines
    assert ["RTMANAGER_GAME_STATE_ROOT", "environment", "/srv/galaxy"] in lines
    assert "hunter2" not in result.output
    assert "stand-in" not in result.output


def test_check_config_shows_the_rest_when_settings_contradict_each_other() -> None:
    """What is wrong only together with another setting hides nothing either."""
    given = VALID | {"RTMANAGER_GAME_STATE_OWNER_UID": "7", "RTMANAGER_PROBE_INTERVAL": "7s"}
    result = call("check-config", **given)

    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == len(Settings.model_fields)
    assert ["RTMANAGER_PROBE_INTERVAL", "environment", "7s"] in [
        line.split() for line in result.stdout.splitlines()
    ]


def test_check_config_reads_what_the_checkout_uses(tmp_path: Path) -> None:
    """The file that `make run` writes is read instead of the environment, as a shell would."""
    file = tmp_path / "env"
    write_env_file(file, VALID | {"RTMANAGER_GAME_STATE_ROOT": "/srv/it's $HOME", "HOME": "/"})
    document = json.loads(call("check-config", "--json", "--env-file", str(file)).stdout)
    shown = {each["variable"]: each["value"] for each in document["settings"]}

    assert shown["RTMANAGER_GAME_STATE_ROOT"] == "/srv/it's $HOME"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "HOME=" not in file.read_text()


@pytest.mark.parametrize("line", ["RTMANAGER_LOG_LEVEL", "A B=1", "A='1", "A=1 2"])
def test_line_that_no_shell_would_assign_is_refused(line: str, tmp_path: Path) -> None:
    """A file of another form is not half read."""
    (tmp_path / "env").write_text(f"# a remark\n\n{line}\n")
    result = call("check-config", "--env-file", f"{tmp_path}/env")

    assert result.exit_code == 2
    assert "line 3 of" in result.stderr


def test_nothing_set_in_a_checkout_leads_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs `make run` has set no variables, and does not know of the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".rtmanager").mkdir()
    (tmp_path / ".rtmanager/env").touch()

    assert "--env-file .rtmanager/env" in call("check-config").stderr
    assert "--env-file" not in call("check-config", RTMANAGER_LOG_LEVEL="info").stderr


def test_check_config_names_all_faults_as_json() -> None:
    """With `--json` the faults are in the document, and the exit code is the same."""
    result = call("check-config", "--json", **(VALID | {"RTMANAGER_REDIS_MASTER_ADDR": "redis"}))

    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["settings"]) == len(Settings.model_fields)
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


def test_help_loads_nothing_but_typer() -> None:
    """What every shell completion and `--version` run has to start quickly."""
    code = (
        "import sys; from rtmanager.cli.app import app; app(['--help'], standalone_mode=False);"
        "print({'httpx', 'psycopg', 'pydantic', 'rich', 'structlog'} & set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert output.splitlines()[-1] == "set()"


def test_check_config_loads_nothing_of_the_service() -> None:
    """`check-config` is quick because it imports neither the server nor any client."""
    code = (
        "import sys; from rtmanager.cli.app import app\n"
        "app(['check-config'], standalone_mode=False)\n"
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


def test_serve_loads_no_page_and_no_library_that_it_does_not_use() -> None:
    """They are a good part of the time of a start, and of the memory of every process."""
    code = (
        "import sys; from contextlib import suppress; from rtmanager.cli import main\n"
        "sys.argv[1:] = ['serve']\n"
        "with suppress(SystemExit): main()\n"
        "unused = {'charset_normalizer', 'flask', 'greenlet', 'isoduration', 'psutil', 'rich'}\n"
        "unused |= {'pygments', 'rtmanager.client', 'rtmanager.console.pages', 'typer'}\n"
        "unused |= {'watchfiles'}\n"
        "print(unused & set(sys.modules), 'connexion' in sys.modules)"
    )
    with socket.create_server(("127.0.0.1", 0)) as holder:
        in_use = f"127.0.0.1:{holder.getsockname()[1]}"  # so it opens nothing
        output = subprocess.run(
            [sys.executable, "-c", code],
            env={
                **os.environ,
                **VALID,
                "RTMANAGER_INTERNAL_HTTP_ADDR": in_use,
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert output.splitlines()[-1] == "set() True"


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


def test_exit_codes_are_documented() -> None:
    """The page has the table of the help."""
    page = (Path(__file__).parents[3] / "docs/command-line.md").read_text()

    for code, meaning in MEANINGS.items():
        assert f"| {code.value} | {meaning} |" in page
