from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dev import SetUpError, debian_packages, docker_host, locks
from dev.background_process import BackgroundProcess
from dev.docker_host import (
    DEFAULT_ADDRESS,
    DockerHost,
    DockerUse,
    ensure_docker,
    stop_docker,
    why_unreachable,
)
from dev.free_port import free_port


class Machine:
    """A machine on which nothing happens; it only records the calls."""

    def __init__(self) -> None:
        self.docker_runs = False
        self.dockerd: str | None = None
        self.is_root_on_debian = True
        self.is_run_by_systemd = False
        self.actions: list[str] = []

    def why_unreachable(self, address: str) -> str | None:
        return None if self.docker_runs and address == DEFAULT_ADDRESS else "nobody answers"

    def install(self, packages: Sequence[str], echo: object) -> None:
        del echo
        self.actions.append(f"install {' '.join(packages)}")
        self.dockerd = "/usr/sbin/dockerd"
        self.docker_runs = self.is_run_by_systemd

    def start(self, argv: Sequence[str], *, pid_file: Path, log_file: Path) -> BackgroundProcess:
        log_file.touch()
        self.actions.append(f"start {' '.join(argv)}")
        self.docker_runs = True
        return BackgroundProcess(pid=2**30, started_at="1", pid_file=pid_file)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a Debian machine without Docker, with us as root."""
    machine = Machine()
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(docker_host, "why_unreachable", machine.why_unreachable)
    monkeypatch.setattr("shutil.which", lambda _: machine.dockerd)
    monkeypatch.setattr(docker_host, "mount_cgroups", lambda _: None)
    monkeypatch.setattr(docker_host, "_service_came_up", lambda: machine.is_run_by_systemd)
    monkeypatch.setattr(debian_packages, "can_install", lambda: machine.is_root_on_debian)
    monkeypatch.setattr(debian_packages, "install", machine.install)
    monkeypatch.setattr(debian_packages, "is_known", lambda name: name == "docker-cli")
    monkeypatch.setattr(BackgroundProcess, "start", machine.start)
    return machine


def _ignore(_: str) -> None:
    pass


def test_a_docker_that_answers_is_used_and_not_ours_to_stop(
    machine: Machine, tmp_path: Path
) -> None:
    """A Docker that ran before is used and left running."""
    machine.docker_runs = True

    host = ensure_docker(tmp_path, _ignore)

    assert host == DockerHost(DEFAULT_ADDRESS, process=None)
    assert machine.actions == []


def test_a_bare_debian_machine_gets_a_dockerd_that_is_ours(
    machine: Machine, tmp_path: Path
) -> None:
    """As root, the packages are installed and dockerd is started."""
    host = ensure_docker(tmp_path, _ignore)

    assert host.process is not None
    assert machine.actions == [
        "install docker.io docker-cli",
        f"start dockerd --host {DEFAULT_ADDRESS}",
    ]


def test_an_installed_dockerd_that_is_down_is_only_started(
    machine: Machine, tmp_path: Path
) -> None:
    """An installed dockerd is started without installing anything."""
    machine.dockerd = "/usr/sbin/dockerd"

    ensure_docker(tmp_path, _ignore)

    assert machine.actions == [f"start dockerd --host {DEFAULT_ADDRESS}"]


def test_a_dockerd_that_systemd_starts_belongs_to_the_machine(
    machine: Machine, tmp_path: Path
) -> None:
    """When the package starts its own service, no second dockerd is started."""
    machine.is_run_by_systemd = True

    host = ensure_docker(tmp_path, _ignore)

    assert host.process is None
    assert machine.actions == ["install docker.io docker-cli"]


def test_without_root_one_line_says_what_to_install(machine: Machine, tmp_path: Path) -> None:
    """Without root nothing is attempted."""
    machine.is_root_on_debian = False

    with pytest.raises(SetUpError, match=r"apt-get install docker.io"):
        ensure_docker(tmp_path, _ignore)
    assert machine.actions == []


def test_without_root_a_dockerd_that_is_down_is_to_be_started(
    machine: Machine, tmp_path: Path
) -> None:
    """When Docker is installed, the advice is to start it."""
    machine.is_root_on_debian = False
    machine.dockerd = "/usr/sbin/dockerd"

    with pytest.raises(SetUpError, match="start it"):
        ensure_docker(tmp_path, _ignore)


def test_an_address_that_was_asked_for_is_not_replaced_by_another(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When DOCKER_HOST is set no other Docker is used in its place."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    machine.docker_runs = True

    with pytest.raises(SetUpError, match=r"DOCKER_HOST is tcp://127.0.0.1:1"):
        ensure_docker(tmp_path, _ignore)
    assert machine.actions == []


def test_a_missing_socket_is_a_docker_out_of_reach(tmp_path: Path) -> None:
    """The error names the reason, and the attempt leaves no socket open."""
    reason = why_unreachable(f"unix://{tmp_path}/docker.sock")

    assert reason is not None
    assert "No such file" in reason


def test_a_refused_connection_is_a_docker_out_of_reach() -> None:
    """A remote Docker that refuses connections is out of reach as well."""
    reason = why_unreachable(f"tcp://127.0.0.1:{free_port()}")

    assert reason is not None
    assert "refused" in reason


@dataclass
class SharedMachine:
    """A machine whose dockerd is only a flag, with or without containers."""

    directory: Path
    stops: int = 0
    has_containers: bool = False
    printed: list[str] = field(default_factory=list)

    def use(self) -> DockerUse:
        """Begin to use its Docker."""
        return DockerUse(self.directory)

    def started_here(self, directory: Path) -> BackgroundProcess | None:
        """Return the dockerd."""
        pid_file = directory / "dockerd.pid"
        return BackgroundProcess(pid=2**30, started_at="1", pid_file=pid_file)

    def stop(self) -> None:
        """Stop the dockerd."""
        self.stops += 1


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SharedMachine:
    """Return a machine on which a test run has started dockerd."""
    made = SharedMachine(tmp_path / "docker")
    made.directory.mkdir()
    monkeypatch.setattr(locks, "_LOCKS", tmp_path)
    monkeypatch.setattr(docker_host, "started_here", made.started_here)
    monkeypatch.setattr(docker_host, "_containers_run", lambda: made.has_containers)
    monkeypatch.setattr(DockerHost, "stop", lambda _: made.stop())
    return made


def test_last_user_stops_dockerd(shared: SharedMachine) -> None:
    """A dockerd that test runs started is stopped when the last of them ends."""
    first, second = shared.use(), shared.use()

    assert not first.end(shared.printed.append)
    assert shared.stops == 0

    assert second.end(shared.printed.append)
    assert shared.stops == 1
    assert not shared.directory.exists()


def test_dockerd_with_containers_keeps_running(shared: SharedMachine) -> None:
    """Games that someone has started meanwhile are not stopped."""
    shared.has_containers = True

    assert not shared.use().end(shared.printed.append)

    assert shared.stops == 0
    assert "keeps running: there are containers on it" in shared.printed[0]


def test_dockerd_of_somebody_else_is_left_alone(
    shared: SharedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dockerd that no run started is not stopped."""
    nothing: Callable[[Path], None] = lambda _: None  # noqa: E731 - used here only
    monkeypatch.setattr(docker_host, "started_here", nothing)

    assert not shared.use().end(shared.printed.append)

    assert shared.stops == 0


def test_the_dockerd_that_was_started_here_is_stopped(tmp_path: Path, printed: list[str]) -> None:
    """It is found by the pid file of the run that started it, and is stopped once."""
    dockerd = BackgroundProcess.start(
        ["sleep", "60"], pid_file=tmp_path / "dockerd.pid", log_file=tmp_path / "log"
    )

    stop_docker(tmp_path, printed.append)
    is_running = dockerd.is_running()
    stop_docker(tmp_path, printed.append)

    assert not is_running
    assert printed == [
        f"Stopping dockerd (pid {dockerd.pid}) and with it every engine ...",
        "No dockerd that `make run` started here is running.",
    ]
