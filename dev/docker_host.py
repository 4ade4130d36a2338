"""The Docker host: a running one, or a dockerd that is installed and started here."""

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
import psutil
from docker.errors import DockerException

from dev import SetUpError, debian_packages
from dev.background_process import BackgroundProcess
from dev.locks import SharedUse, machine_lock

DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
START_SECONDS = 60.0
STOP_SECONDS = 60.0

TEST_RUNS = Path("/run/rtmanager-test-docker")
"""Where a test run that starts dockerd keeps its log and pid file."""


@dataclass(frozen=True)
class DockerHost:
    """A running Docker host, with its process if we started it."""

    address: str
    process: BackgroundProcess | None = None

    def stop(self) -> None:
        """Stop dockerd if it was started here."""
        if self.process is not None:
            self.process.stop(seconds=STOP_SECONDS)


class DockerUse:
    """One test run's use of dockerd: the first run starts it, the last one stops it."""

    def __init__(self, directory: Path = TEST_RUNS) -> None:
        self._directory = directory
        self._use = SharedUse("docker-use")

    def end(self, echo: Callable[[str], None]) -> bool:
        """Stop the dockerd that test runs started, unless others still use it.

        Return whether it was stopped.
        """
        with self._use.end() as is_last:
            process = started_here(self._directory) if is_last else None
            if process is None:
                return False
            if _containers_run():
                echo(f"dockerd (pid {process.pid}) keeps running: there are containers on it.")
                return False
            DockerHost(DEFAULT_ADDRESS, process).stop()
            shutil.rmtree(self._directory)
            return True


def ensure_docker(directory: Path, echo: Callable[[str], None]) -> DockerHost:
    """Return a running Docker host; as root on Debian, install and start one if needed.

    Waits while another process is installing or starting one.
    """
    with machine_lock("docker"):
        return _ensure_docker(directory, echo)


def stop_docker(directory: Path, echo: Callable[[str], None]) -> None:
    """Stop the dockerd that was started for the directory, if any."""
    process = started_here(directory)
    if process is None:
        echo("No dockerd that `make run` started here is running.")
        return
    echo(f"Stopping dockerd (pid {process.pid}) and with it every engine ...")
    DockerHost(DEFAULT_ADDRESS, process).stop()


def started_here(directory: Path) -> BackgroundProcess | None:
    """Return the dockerd that was started for the directory, now or by an earlier run."""
    return BackgroundProcess.find(_pid_file(directory))


def why_unreachable(address: str) -> str | None:
    """Return why Docker does not answer at the address; None if it does."""
    try:
        _connect(address)
        with closing(docker.APIClient(base_url=address, timeout=5)) as client:
            client.ping()
    except (OSError, DockerException) as fault:
        return str(fault)
    return None


def mount_cgroups(echo: Callable[[str], None]) -> None:
    """Mount the control groups, which dockerd needs, if no init system has done so."""
    if any(each.fstype in {"cgroup", "cgroup2"} for each in psutil.disk_partitions(all=True)):
        return
    mount = debian_packages.require_command("cgroupfs-mount", "cgroupfs-mount", echo)
    subprocess.run([mount], check=True)


def _ensure_docker(directory: Path, echo: Callable[[str], None]) -> DockerHost:
    address = os.environ.get("DOCKER_HOST") or DEFAULT_ADDRESS
    fault = why_unreachable(address)
    if fault is None:
        return DockerHost(address, started_here(directory))
    if address != DEFAULT_ADDRESS:
        raise SetUpError(f"DOCKER_HOST is {address}, but Docker does not answer there: {fault}")
    if not debian_packages.can_install():
        raise SetUpError(f"Docker does not answer at {address} ({fault}); {_advice()}")
    return _install_and_start(directory, echo)


def _pid_file(directory: Path) -> Path:
    return directory / "dockerd.pid"


def _connect(address: str) -> None:
    """Connect to a unix socket and hang up; other addresses pass.

    The client library does not close a socket that failed to connect.
    """
    if address.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(address.removeprefix("unix://"))


def _advice() -> str:
    if shutil.which("dockerd"):
        return "start it, or join the group docker if the socket refuses you"
    return "install it (Debian: apt-get install docker.io) and start it"


def _install_and_start(directory: Path, echo: Callable[[str], None]) -> DockerHost:
    if not shutil.which("dockerd"):
        debian_packages.install(_packages(), echo)
        if _service_came_up():
            return DockerHost(DEFAULT_ADDRESS)
    mount_cgroups(echo)
    echo("Starting dockerd ...")
    directory.mkdir(parents=True, exist_ok=True)
    log_file = directory / "dockerd.log"
    process = BackgroundProcess.start(
        ["dockerd", "--host", DEFAULT_ADDRESS], pid_file=_pid_file(directory), log_file=log_file
    )
    process.wait_until(
        lambda: why_unreachable(DEFAULT_ADDRESS) is None, seconds=START_SECONDS, log_file=log_file
    )
    return DockerHost(DEFAULT_ADDRESS, process)


def _packages() -> list[str]:
    # Since Debian 13 the command line client is a separate package.
    optional = [name for name in ("docker-cli",) if debian_packages.is_known(name)]
    return ["docker.io", *optional]


def _service_came_up() -> bool:
    """Wait for the dockerd that the package starts on a machine with systemd."""
    if not Path("/run/systemd/system").is_dir():
        return False
    deadline = time.monotonic() + START_SECONDS
    while why_unreachable(DEFAULT_ADDRESS) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _containers_run() -> bool:
    with closing(docker.APIClient(base_url=DEFAULT_ADDRESS)) as client:
        return bool(client.containers(quiet=True))
