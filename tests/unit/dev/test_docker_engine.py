from collections.abc import Sequence
from pathlib import Path

import pytest

from rtmanager.dev import debian_packages, docker_engine
from rtmanager.dev.background_process import BackgroundProcess
from rtmanager.dev.docker_engine import DEFAULT_HOST, DockerEngine, ensure_engine, why_unreachable
from rtmanager.dev.errors import SetUpError
from rtmanager.dev.free_port import free_port


class Machine:
    """A machine on which nothing happens: it only remembers what was asked of it."""

    def __init__(self) -> None:
        self.engine_runs = False
        self.dockerd: str | None = None
        self.is_root_on_debian = True
        self.is_run_by_systemd = False
        self.actions: list[str] = []

    def why_unreachable(self, host: str) -> str | None:
        return None if self.engine_runs and host == DEFAULT_HOST else "nobody answers"

    def install(self, packages: Sequence[str], echo: object) -> None:
        del echo
        self.actions.append(f"install {' '.join(packages)}")
        self.dockerd = "/usr/sbin/dockerd"
        self.engine_runs = self.is_run_by_systemd

    def start(self, argv: Sequence[str], *, pid_file: Path, log_file: Path) -> BackgroundProcess:
        log_file.touch()
        self.actions.append(f"start {' '.join(argv)}")
        self.engine_runs = True
        return BackgroundProcess(pid=2**30, started_at="1", pid_file=pid_file)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a Debian machine without an engine, on which we are root."""
    machine = Machine()
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(docker_engine, "why_unreachable", machine.why_unreachable)
    monkeypatch.setattr("shutil.which", lambda _: machine.dockerd)
    monkeypatch.setattr(docker_engine, "_mount_cgroups", lambda _: None)
    monkeypatch.setattr(docker_engine, "_service_came_up", lambda: machine.is_run_by_systemd)
    monkeypatch.setattr(debian_packages, "can_install", lambda: machine.is_root_on_debian)
    monkeypatch.setattr(debian_packages, "install", machine.install)
    monkeypatch.setattr(debian_packages, "is_known", lambda name: name == "docker-cli")
    monkeypatch.setattr(BackgroundProcess, "start", machine.start)
    return machine


def _ignore(_: str) -> None:
    pass


def test_an_engine_that_answers_is_used_and_not_ours_to_stop(
    machine: Machine, tmp_path: Path
) -> None:
    """What ran before is left alone."""
    machine.engine_runs = True

    engine = ensure_engine(tmp_path, _ignore)

    assert engine == DockerEngine(DEFAULT_HOST, process=None)
    assert machine.actions == []


def test_a_bare_debian_machine_gets_an_engine_that_is_ours(
    machine: Machine, tmp_path: Path
) -> None:
    """As root, the packages are installed and dockerd is started."""
    engine = ensure_engine(tmp_path, _ignore)

    assert engine.process is not None
    assert machine.actions == [
        "install docker.io docker-cli",
        f"start dockerd --host {DEFAULT_HOST}",
    ]


def test_an_installed_engine_that_is_down_is_only_started(machine: Machine, tmp_path: Path) -> None:
    """Nothing is installed that is there."""
    machine.dockerd = "/usr/sbin/dockerd"

    ensure_engine(tmp_path, _ignore)

    assert machine.actions == [f"start dockerd --host {DEFAULT_HOST}"]


def test_an_engine_that_systemd_starts_belongs_to_the_machine(
    machine: Machine, tmp_path: Path
) -> None:
    """Where the package starts its own service, no second engine is started."""
    machine.is_run_by_systemd = True

    engine = ensure_engine(tmp_path, _ignore)

    assert engine.process is None
    assert machine.actions == ["install docker.io docker-cli"]


def test_without_root_one_line_says_what_to_install(machine: Machine, tmp_path: Path) -> None:
    """Nothing is attempted that cannot succeed."""
    machine.is_root_on_debian = False

    with pytest.raises(SetUpError, match=r"apt-get install docker.io"):
        ensure_engine(tmp_path, _ignore)
    assert machine.actions == []


def test_without_root_an_engine_that_is_down_is_to_be_started(
    machine: Machine, tmp_path: Path
) -> None:
    """The advice fits what is there."""
    machine.is_root_on_debian = False
    machine.dockerd = "/usr/sbin/dockerd"

    with pytest.raises(SetUpError, match="start it"):
        ensure_engine(tmp_path, _ignore)


def test_an_address_that_was_asked_for_is_not_replaced_by_another(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DOCKER_HOST says which engine is meant: no other one is used in its place."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    machine.engine_runs = True

    with pytest.raises(SetUpError, match=r"DOCKER_HOST is tcp://127.0.0.1:1"):
        ensure_engine(tmp_path, _ignore)
    assert machine.actions == []


def test_a_missing_socket_is_an_engine_out_of_reach(tmp_path: Path) -> None:
    """The reason is told, and no socket is left open by the attempt."""
    reason = why_unreachable(f"unix://{tmp_path}/docker.sock")

    assert reason is not None
    assert "No such file" in reason


def test_a_refused_connection_is_an_engine_out_of_reach() -> None:
    """An engine elsewhere that is down is out of reach as well."""
    reason = why_unreachable(f"tcp://127.0.0.1:{free_port()}")

    assert reason is not None
    assert "refused" in reason
