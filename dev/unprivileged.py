"""The user that servers run as when we are root, and what that user can access."""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TypedDict

UNPRIVILEGED_USER = "nobody"
FALLBACK_ROOT = Path("/var/lib/rtmanager-dev")


class Identity(TypedDict, total=False):
    """The arguments of `subprocess` for the user who runs a command."""

    user: str
    group: int
    extra_groups: list[str]


def identity() -> Identity:
    """Return the user for servers that must not be root: nobody when we are, else ourselves."""
    if os.geteuid() != 0:
        return {}
    # By id: the group is called nogroup on Debian and nobody elsewhere.
    return {"user": UNPRIVILEGED_USER, "group": _group_id(), "extra_groups": []}


def run_unprivileged(argv: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as that user, and return its output and exit code."""
    return subprocess.run(
        argv,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **identity(),
    )


def give_away(path: Path) -> None:
    """Make a file or directory belong to that user, inaccessible to everyone else."""
    if os.geteuid() == 0:
        shutil.chown(path, UNPRIVILEGED_USER, _group_id())
    path.chmod(0o700 if path.is_dir() else 0o600)


def can_reach(directory: Path) -> bool:
    """Return whether that user can list a directory."""
    # The user's own closed directory is accessible; one that only root may enter is not.
    return run_unprivileged(["ls", str(directory)]).returncode == 0


def reachable_programs(programs: Path) -> Path:
    """Return the directory of a server's programs, or a copy if that user cannot reach it."""
    return programs if can_reach(programs) else _copy(programs)


def refuge(kind: str, origin: Path, version: str = "") -> Path:
    """Return the directory in which a copy of an unreachable one is kept, the same each time."""
    digest = hashlib.sha256(f"{origin} {version}".encode()).hexdigest()
    return FALLBACK_ROOT / f"{kind}-{digest[:12]}"


def _copy(programs: Path) -> Path:
    # An upgrade replaces the directory, which changes its modification time.
    target = refuge("programs", programs, str(programs.stat().st_mtime_ns))
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
