"""At the end of a run, what Docker keeps for no reason is removed by restarting dockerd."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import leftovers
from tests.support.leftovers import KeptByDocker, Leftover, WholeRun

NETWORK = "network galaxy-test-00c0ffee-net"


@dataclass
class Docker:
    """A dockerd that keeps a network until it is restarted, or for good."""

    is_shared: bool = False
    keeps_for_good: bool = False
    networks: list[str] = field(default_factory=lambda: [NETWORK])
    said: list[str] = field(default_factory=list)
    starts: int = 0
    stops: int = 0

    def things(self, _run: Path, _host: str) -> list[Leftover]:
        """Return what exists."""
        return [Leftover(name, self._remove) for name in self.networks]

    def end(self, _echo: Callable[[str], None]) -> bool:
        """Stop, unless others use it."""
        self.stops += not self.is_shared
        return not self.is_shared

    def start(self, _echo: Callable[[str], None]) -> str:
        """Start and return the address."""
        self.starts += 1
        return "unix:///nowhere"

    def _remove(self) -> None:
        if self.starts == 0 or self.keeps_for_good:
            raise KeptByDocker("it has active endpoints")
        self.networks.clear()


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Return the Docker of the run."""
    made = Docker()
    monkeypatch.setattr(leftovers, "DockerUse", lambda: made)
    monkeypatch.setattr(leftovers, "docker_things_of", made.things)
    monkeypatch.setattr(leftovers, "start_docker", made.start)
    return made


def _end(docker: Docker, tmp_path: Path) -> list[str]:
    return WholeRun(tmp_path / "galaxy-test-00c0ffee").end(docker.said.append)


def test_what_docker_keeps_is_removed_after_a_restart(docker: Docker, tmp_path: Path) -> None:
    """A restart frees what Docker kept, nothing is left, and Docker is stopped."""
    assert _end(docker, tmp_path) == []
    assert docker.networks == []
    assert (docker.starts, docker.stops) == (1, 2)


def test_docker_that_others_use_is_not_restarted(docker: Docker, tmp_path: Path) -> None:
    """A leftover in a Docker that others use is reported and removed by a later run."""
    docker.is_shared = True

    assert _end(docker, tmp_path) == []
    assert docker.starts == 0
    assert NETWORK in docker.said[0]


def test_what_stays_in_any_case_is_left_behind(docker: Docker, tmp_path: Path) -> None:
    """A run fails if its leftovers survive even a restart."""
    docker.keeps_for_good = True

    assert _end(docker, tmp_path) == [NETWORK]
    assert (docker.starts, docker.stops) == (1, 2)


def test_docker_that_keeps_nothing_is_stopped_once(docker: Docker, tmp_path: Path) -> None:
    """A Docker without leftovers is not restarted."""
    docker.networks.clear()

    assert _end(docker, tmp_path) == []
    assert (docker.starts, docker.stops) == (0, 1)
