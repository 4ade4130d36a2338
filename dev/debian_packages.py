"""Debian packages that the environment needs, installed only when missing."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

from dev import SetUpError
from dev.locks import machine_lock

Run = Callable[..., subprocess.CompletedProcess[str]]


def can_install() -> bool:
    """Return whether this is Debian or a derivative, and we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def require_command(
    command: str, package: str, echo: Callable[[str], None], *, run: Run = subprocess.run
) -> str:
    """Return the path of a command, installing its package when it is missing."""
    if found := shutil.which(command):
        return found
    with machine_lock("require-command"):
        # Another process may have installed it in the meantime.
        if shutil.which(command) is None:
            install([package], echo, run=run)
    if found := shutil.which(command):
        return found
    raise SetUpError(f"the package {package} is installed, but {command} is not on the PATH")


def install(
    packages: Sequence[str], echo: Callable[[str], None], *, run: Run = subprocess.run
) -> None:
    """Install packages with apt-get; raise SetUpError naming them when that is impossible."""
    names = " ".join(packages)
    if not can_install():
        raise SetUpError(f"missing here: {names}; install it (Debian: apt-get install {names})")
    echo(f"Installing {names} (apt-get, a minute on a slow line) ...")
    # apt-get waits for another one that is installing, but not for one that updates the lists.
    with machine_lock("apt"):
        # A new machine has no package lists; on an old one they may be outdated.
        _apt_get(["update"], run)
        _apt_get(["install", "--yes", "--no-install-recommends", *packages], run)


def is_known(package: str, *, run: Run = subprocess.run) -> bool:
    """Return whether the distribution has a package of this name."""
    answer = run(["apt-cache", "show", package], capture_output=True, text=True, check=False)
    return answer.returncode == 0


def _apt_get(arguments: Sequence[str], run: Run) -> None:
    answer = run(
        ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        last = (answer.stderr.strip() or answer.stdout.strip()).splitlines()[-1:]
        raise SetUpError(f"apt-get {' '.join(arguments)} failed: {' '.join(last)}")
