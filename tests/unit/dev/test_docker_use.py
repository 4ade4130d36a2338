from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rtmanager.dev import docker_use, machine_lock
from rtmanager.dev.background_process import BackgroundProcess
from rtmanager.dev.docker_engine import DockerEngine
from rtmanager.dev.docker_use import DockerUse


@dataclass
class Machine:
    """A machine whose dockerd only remembers whether it runs, with or without containers."""

    directory: Path
    stops: int = 0
    has_containers: bool = False
    told: list[str] = field(default_factory=list)

    def use(self) -> DockerUse:
        """Begin a use of its Docker."""
        return DockerUse(self.directory)

    def started_here(self, directory: Path) -> BackgroundProcess | None:
        """Return the dockerd."""
        pid_file = directory / "dockerd.pid"
        return BackgroundProcess(pid=2**30, started_at="1", pid_file=pid_file)

    def stop(self) -> None:
        """Stop the dockerd."""
        self.stops += 1


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Return a machine on which a run of the tests has started dockerd."""
    made = Machine(tmp_path / "docker")
    made.directory.mkdir()
    monkeypatch.setattr(machine_lock, "_LOCKS", tmp_path)
    monkeypatch.setattr(docker_use, "started_here", made.started_here)
    monkeypatch.setattr(docker_use, "_containers_run", lambda: made.has_containers)
    monkeypatch.setattr(DockerEngine, "stop", lambda _: made.stop())
    return made


def test_last_user_stops_dockerd(machine: Machine) -> None:
    """A dockerd that runs have started runs until the last of them has ended."""
    first, second = machine.use(), machine.use()

    assert not first.end(machine.told.append)
    assert machine.stops == 0

    assert second.end(machine.told.append)
    assert machine.stops == 1
    assert not machine.directory.exists()


def test_dockerd_with_containers_runs_on(machine: Machine) -> None:
    """Games that somebody has started meanwhile are not ended."""
    machine.has_containers = True

    assert not machine.use().end(machine.told.append)

    assert machine.stops == 0
    assert "runs on: there are containers on it" in machine.told[0]


def test_dockerd_of_somebody_else_is_left_alone(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no run has started no run stops."""
    nothing: Callable[[Path], None] = lambda _: None  # noqa: E731 - it has no use of its own
    monkeypatch.setattr(docker_use, "started_here", nothing)

    assert not machine.use().end(machine.told.append)

    assert machine.stops == 0
