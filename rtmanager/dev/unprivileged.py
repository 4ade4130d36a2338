"""Running a server without root's rights, from a place that such a user can reach."""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

USER = "nobody"
FALLBACK_ROOT = Path("/var/lib/rtmanager-dev")


class Identity(TypedDict, total=False):
    """Arguments of `subprocess` that name who runs a command."""

    user: str
    group: int
    extra_groups: list[str]


def identity() -> Identity:
    """Return who runs servers that refuse root: nobody when we are root, else ourselves."""
    if os.geteuid() != 0:
        return {}
    # By number: the group is called nogroup on Debian and nobody elsewhere.
    return {"user": USER, "group": _group_id(), "extra_groups": []}


def give_away(path: Path) -> None:
    """Make a file or directory belong to that user, and close it to everyone else."""
    if os.geteuid() == 0:
        shutil.chown(path, USER, _group_id())
    path.chmod(0o700 if path.is_dir() else 0o600)


@dataclass(frozen=True)
class Place:
    """Where a server's programs and files are."""

    programs: Path
    files: Path


def reachable_place(programs: Path, files: Path, echo: Callable[[str], None]) -> Place:
    """Return the given folders, or others when the unprivileged user cannot reach them.

    A checkout below /root is closed to everyone else: programs are copied, files kept elsewhere.
    """
    files.mkdir(parents=True, exist_ok=True)
    if not _can_reach(files):
        files = _refuge("files", files)
        files.mkdir(parents=True, exist_ok=True)
        echo(f"User {USER} cannot reach this directory: the database is kept in {files}.")
    if not _can_reach(programs):
        programs = _copy(programs)
    return Place(programs, files)


def _refuge(kind: str, origin: Path, version: str = "") -> Path:
    digest = hashlib.sha256(f"{origin} {version}".encode()).hexdigest()
    return FALLBACK_ROOT / f"{kind}-{digest[:12]}"


def _can_reach(directory: Path) -> bool:
    probe = subprocess.run(
        ["ls", str(directory)], cwd="/", capture_output=True, check=False, **identity()
    )
    # Its own closed directory is reachable too; one that only root may enter is not.
    return probe.returncode == 0


def _copy(programs: Path) -> Path:
    # An upgrade writes the folder anew, which its time of change shows.
    target = _refuge("programs", programs, str(programs.stat().st_mtime_ns))
    if not target.is_dir():
        FALLBACK_ROOT.mkdir(parents=True, exist_ok=True)
        # Renamed when whole: a copy that was interrupted is never taken for one.
        partial = Path(tempfile.mkdtemp(dir=FALLBACK_ROOT)) / "programs"
        shutil.copytree(programs, partial, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(partial)], check=True)
        partial.rename(target)
        partial.parent.rmdir()
    return target


def _group_id() -> int:
    return pwd.getpwnam(USER).pw_gid
