"""The Docker engine: the one that answers, or one installed and started here."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import DockerException

from rtmanager.dev import debian_packages
from rtmanager.dev.background_process import BackgroundProcess
from rtmanager.dev.errors import SetUpError
from rtmanager.dev.machine_lock import machine_lock

DEFAULT_HOST = "unix:///var/run/docker.sock"
START_SECONDS = 60.0
STOP_SECONDS = 60.0


@dataclass(frozen=True)
class DockerEngine:
    """A Docker engine that answers, with its process if that is ours to stop."""

    host: str
    process: BackgroundProcess | None = None

    def stop(self) -> None:
        """Stop the engine if it was started here; leave any other alone."""
        if self.process is not None:
            self.process.stop(seconds=STOP_SECONDS)


def ensure_engine(directory: Path, echo: Callable[[str], None]) -> DockerEngine:
    """Return a Docker engine that answers; as root on Debian, install and start one if needed.

    Who asks while another process installs or starts one waits for that one.
    """
    with machine_lock("docker"):
        return _ensure_engine(directory, echo)


def _ensure_engine(directory: Path, echo: Callable[[str], None]) -> DockerEngine:
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    fault = why_unreachable(host)
    if fault is None:
        return DockerEngine(host, started_here(directory))
    if host != DEFAULT_HOST:
        raise SetUpError(f"DOCKER_HOST is {host}, but no engine answers there: {fault}")
    if not debian_packages.can_install():
        raise SetUpError(f"no Docker engine answers at {host} ({fault}); {_advice()}")
    return _install_and_start(directory, echo)


def started_here(directory: Path) -> BackgroundProcess | None:
    """Return the dockerd that was started for the directory, now or by an earlier run."""
    return BackgroundProcess.find(_pid_file(directory))


def _pid_file(directory: Path) -> Path:
    return directory / "dockerd.pid"


def why_unreachable(host: str) -> str | None:
    """Return why no engine answers at the address, None if one does."""
    try:
        _connect(host)
        with closing(docker.APIClient(base_url=host, timeout=5)) as client:
            client.ping()
    except (OSError, DockerException) as fault:
        return str(fault)
    return None


def _connect(host: str) -> None:
    """Connect to a unix socket and hang up; other addresses pass.

    The client library forgets to close a socket that it could not connect.
    """
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(host.removeprefix("unix://"))


def _advice() -> str:
    if shutil.which("dockerd"):
        return "start it, or join the group docker if the socket refuses you"
    return "install one (Debian: apt-get install docker.io) and start it"


def _install_and_start(directory: Path, echo: Callable[[str], None]) -> DockerEngine:
    if not shutil.which("dockerd"):
        debian_packages.install(_packages(), echo)
        if _service_came_up():
            return DockerEngine(DEFAULT_HOST)
    _mount_cgroups(echo)
    echo("Starting dockerd ...")
    directory.mkdir(parents=True, exist_ok=True)
    log_file = directory / "dockerd.log"
    process = BackgroundProcess.start(
        ["dockerd", "--host", DEFAULT_HOST], pid_file=_pid_file(directory), log_file=log_file
    )
    process.wait_until(
        lambda: why_unreachable(DEFAULT_HOST) is None, seconds=START_SECONDS, log_file=log_file
    )
    return DockerEngine(DEFAULT_HOST, process)


def _packages() -> list[str]:
    # From Debian 13 on the command line client is a package of its own.
    optional = [name for name in ("docker-cli",) if debian_packages.is_known(name)]
    return ["docker.io", *optional]


def _service_came_up() -> bool:
    """Wait for the engine that the package starts itself on a machine run by systemd."""
    if not Path("/run/systemd/system").is_dir():
        return False
    deadline = time.monotonic() + START_SECONDS
    while why_unreachable(DEFAULT_HOST) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _mount_cgroups(echo: Callable[[str], None]) -> None:
    """Mount the control groups where no init system has done it; dockerd needs them."""
    if "cgroup" in Path("/proc/mounts").read_text():
        return
    mount = debian_packages.require_command("cgroupfs-mount", "cgroupfs-mount", echo)
    subprocess.run([mount], check=True)
