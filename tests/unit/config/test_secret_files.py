import os
from pathlib import Path
from traceback import format_exception

import pytest

from rtmanager.config import ConfigError, Settings
from rtmanager.config.secret_files import MAX_BYTES

REQUIRED = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://rtm@db:5432/galaxy",
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}
CANARY = "canary-7c9d"


def refusal(variables: dict[str, str]) -> ConfigError:
    """Return the refusal of an environment."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_environment(variables)
    return caught.value


def secret_file(directory: Path, content: bytes) -> str:
    """Return the path of a file with this content."""
    path = directory / "secret"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2\n\n", "hunter2\n"),
        (b" hunter2 ", " hunter2 "),
        ("pässwörd".encode(), "pässwörd"),
        (b"x" * MAX_BYTES, "x" * MAX_BYTES),
    ],
)
def test_a_secret_is_read_from_its_file_without_its_last_newline(
    tmp_path: Path, content: bytes, password: str
) -> None:
    """Only one newline is dropped: everything else may belong to the password."""
    file = secret_file(tmp_path, content)

    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_REDIS_PASSWORD_FILE": file})

    assert settings.redis_password is not None
    assert settings.redis_password.get_secret_value() == password


def test_a_required_secret_may_be_in_a_file(tmp_path: Path) -> None:
    """The DSN counts as set, and is checked like one in the variable."""
    file = secret_file(tmp_path, b"postgresql://rtm:hunter2@db/galaxy\n")
    others = {name: REQUIRED[name] for name in REQUIRED if "DSN" not in name}

    settings = Settings.from_environment(others | {"RTMANAGER_POSTGRES_PRIMARY_DSN_FILE": file})

    dsn = settings.postgres_primary_dsn.get_secret_value()
    assert dsn == "postgresql://rtm:hunter2@db/galaxy"


def test_a_malformed_secret_in_a_file_is_a_fault_of_its_variable(tmp_path: Path) -> None:
    """The fault says what is wrong, not what is in the file."""
    file = secret_file(tmp_path, f"mysql://{CANARY}".encode())
    others = {name: REQUIRED[name] for name in REQUIRED if "DSN" not in name}

    fault = refusal(others | {"RTMANAGER_POSTGRES_PRIMARY_DSN_FILE": file})

    assert str(fault).startswith("RTMANAGER_POSTGRES_PRIMARY_DSN is not a Postgres DSN")
    assert CANARY not in "".join(format_exception(fault)) + repr(fault.faults)


def test_what_is_shown_names_the_file_as_the_source_and_masks_the_value(tmp_path: Path) -> None:
    """An operator sees where a secret comes from, and nothing of it."""
    file = secret_file(tmp_path, CANARY.encode())
    settings = Settings.from_environment(REQUIRED | {"RTMANAGER_REDIS_PASSWORD_FILE": file})
    shown = {setting.variable: setting for setting in settings.shown()}

    assert shown["RTMANAGER_REDIS_PASSWORD"].source == "file"
    assert shown["RTMANAGER_REDIS_PASSWORD"].value == "**********"
    assert shown["RTMANAGER_POSTGRES_PASSWORD"].source == "default"
    assert CANARY not in f"{settings!r} {settings} {settings.model_dump()} {shown}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"x" * (MAX_BYTES + 1), "is too large"),
        (CANARY.encode() + b"\xff", "is not UTF-8"),
        (CANARY.encode() + b"\0", "contains a NUL"),
    ],
)
def test_a_file_with_no_usable_secret_is_a_fault_without_its_content(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    """The fault names the variable and the path, never what is in the file."""
    file = secret_file(tmp_path, content)

    error = refusal(REQUIRED | {"RTMANAGER_REDIS_PASSWORD_FILE": file})

    (fault,) = error.faults
    assert fault.variable == "RTMANAGER_REDIS_PASSWORD_FILE"
    assert fault.problem == f"names {file}, which {problem}"
    assert CANARY not in "".join(format_exception(error)) + repr(error.faults)


def test_a_file_that_is_not_there_is_a_fault_only_of_its_variable(tmp_path: Path) -> None:
    """A required secret whose file is missing is not reported as missing as well."""
    others = {name: REQUIRED[name] for name in REQUIRED if "DSN" not in name}
    path = f"{tmp_path}/none"

    error = refusal(others | {"RTMANAGER_POSTGRES_PRIMARY_DSN_FILE": path})

    (fault,) = error.faults
    assert fault.variable == "RTMANAGER_POSTGRES_PRIMARY_DSN_FILE"
    assert fault.problem == f"names {path}, which cannot be read: No such file or directory"
    assert fault.accepted == "the absolute path of a text file of at most 64 KiB"


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe to which nobody writes would stop the start for ever."""
    os.mkfifo(tmp_path / "pipe")

    error = refusal(REQUIRED | {"RTMANAGER_REDIS_PASSWORD_FILE": str(tmp_path / "pipe")})

    assert "is not a file" in str(error)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory is no secret."""
    error = refusal(REQUIRED | {"RTMANAGER_REDIS_PASSWORD_FILE": str(tmp_path)})

    assert "is not a file" in str(error) or "cannot be read" in str(error)


def test_a_secret_in_place_of_the_path_is_not_repeated() -> None:
    """What is no absolute path may be the secret, in the wrong variable."""
    error = refusal(REQUIRED | {"RTMANAGER_REDIS_PASSWORD_FILE": CANARY})

    assert "is not an absolute path" in str(error)
    assert CANARY not in "".join(format_exception(error)) + repr(error.faults)


def test_a_variable_and_its_file_are_a_fault(tmp_path: Path) -> None:
    """Which of the two is in force must not be a question."""
    both = {
        "RTMANAGER_REDIS_PASSWORD": "hunter2",
        "RTMANAGER_REDIS_PASSWORD_FILE": secret_file(tmp_path, b"hunter3"),
    }

    (fault,) = refusal(REQUIRED | both).faults

    assert fault.variable == "RTMANAGER_REDIS_PASSWORD_FILE"
    assert fault.problem == "is set together with the variable that it replaces"


def test_only_a_secret_can_be_in_a_file(tmp_path: Path) -> None:
    """For everything else the variable with the suffix is unknown, as before."""
    file = secret_file(tmp_path, b"debug")

    (fault,) = refusal(REQUIRED | {"RTMANAGER_LOG_LEVEL_FILE": file}).faults

    assert fault.variable == "RTMANAGER_LOG_LEVEL_FILE"
    assert fault.problem == "is not a setting"
