import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import psycopg
import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from rtmanager import __version__

PROJECT = Path(__file__).parents[3]
NOT_PUBLISHED = {".py", ".pyc"}
VALID = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://db/galaxy",
    "RTMANAGER_REDIS_MASTER_ADDR": "redis:6379",
    "RTMANAGER_GAME_STATE_ROOT": "/srv/galaxy",
}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("builder", [SdistBuilder, WheelBuilder])
def test_what_is_published_holds_no_development_environment(builder: Any) -> None:
    """The wheel contains neither demo engines nor code that starts a dockerd."""
    files = [file.distribution_path for file in builder(str(PROJECT)).recurse_included_files()]

    assert "rtmanager/cli/app.py" in files
    assert [file for file in files if "dev" in Path(file).parts or "demo" in file] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of this checkout."""
    directory = tmp_path_factory.mktemp("dist")
    (made,) = WheelBuilder(str(PROJECT)).build(directory=str(directory), versions=["standard"])
    return Path(made)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs a program of an environment with the wheel, far from here.

    It lends the dependencies from this environment, but not the checkout that this one installs.
    """
    target = tmp_path_factory.mktemp("installed")
    venv.create(target / "venv", with_pip=False)
    site = next((target / "venv/lib").glob("python3*")) / "site-packages"
    (site / "dependencies.pth").write_text(f"{Path(psycopg.__file__).parents[1]}\n")
    installer = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    python = ["--python", str(target / "venv/bin/python")]
    subprocess.run([*installer, *python, str(wheel)], check=True, cwd=target)

    def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(target / "venv/bin" / program), *arguments]
        return subprocess.run(
            command, cwd=target, env=environment, capture_output=True, text=True, check=False
        )

    return run


def test_the_wheel_installs_a_command(installed: Run) -> None:
    """`rtmanager` is on the PATH of the environment, and is of this version."""
    assert installed("rtmanager", "--version").stdout == f"rtmanager {__version__}\n"


def test_the_installed_command_checks_settings(installed: Run) -> None:
    """It needs nothing of the checkout for that, and names what is wrong."""
    right, wrong = installed("rtmanager", "check-config", **VALID), installed("rtmanager", "serve")

    assert right.returncode == 0, right.stderr
    assert "RTMANAGER_DOCKER_NETWORK" in right.stdout
    assert wrong.returncode == 1
    assert "RTMANAGER_GAME_STATE_ROOT" in wrong.stderr


def test_the_installed_package_finds_the_contracts(installed: Run) -> None:
    """They are in the package, because there is no checkout."""
    code = (
        "import rtmanager as r; print(r.__file__, *sorted(p.name for p in r.spec_dir().iterdir()))"
    )
    file, *specs = installed("python", "-c", code).stdout.split()

    assert not Path(file).is_relative_to(PROJECT)
    assert specs == sorted(each.name for each in (PROJECT / "spec").iterdir())


def test_the_wheel_has_every_file_that_the_package_reads(wheel: Path) -> None:
    """Migrations, the console's pages and whatever else is no Python are in it."""
    package = PROJECT / "rtmanager"
    needed = {
        str(each.relative_to(PROJECT))
        for each in package.rglob("*")
        if each.is_file() and each.suffix not in NOT_PUBLISHED
    }
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assert any(name.endswith(".sql") for name in needed)
    assert needed - names == set()
