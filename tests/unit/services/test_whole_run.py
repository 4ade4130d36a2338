"""The end of a run in Docker: what it keeps for no reason is gone once it was started anew."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.services import whole_run
from tests.services.leftovers import KeptByDocker, Leftover
from tests.services.whole_run import WholeRun

NETWORK = "network galaxy-test-00c0ffee-net"


@dataclass
class Docker:
    """A dockerd that keeps a network until it is started anew, or for good."""

    is_shared: bool = False
    keeps_for_good: bool = False
    networks: list[str] = field(default_factory=lambda: [NETWORK])
    told: list[str] = field(default_factory=list)
    starts: int = 0
    stops: int = 0

    def things(self, _run: Path, _host: str) -> list[Leftover]:
        """Return what is there."""
        return [Leftover(name, self._remove) for name in self.networks]

    def end(self, _echo: Callable[[str], None]) -> bool:
        """Stop, unless others use it."""
        self.stops += not self.is_shared
        return not self.is_shared

    def start(self, _echo: Callable[[str], None]) -> str:
        """Start, and return the address."""
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
    monkeypatch.setattr(whole_run, "DockerUse", lambda: made)
    monkeypatch.setattr(whole_run, "docker_things_of", made.things)
    monkeypatch.setattr(whole_run, "start_docker", made.start)
    return made


def _end(docker: Docker, tmp_path: Path) -> list[str]:
    return WholeRun(tmp_path / "galaxy-test-00c0ffee").end(docker.told.append)


def test_what_docker_keeps_goes_once_it_is_started_anew(docker: Docker, tmp_path: Path) -> None:
    """Nothing is left, and Docker does not run."""
    assert _end(docker, tmp_path) == []
    assert docker.networks == []
    assert (docker.starts, docker.stops) == (1, 2)


def test_docker_that_others_use_is_not_started_anew(docker: Docker, tmp_path: Path) -> None:
    """What it keeps is told; a later run removes it."""
    docker.is_shared = True

    assert _end(docker, tmp_path) == []
    assert docker.starts == 0
    assert NETWORK in docker.told[0]


def test_what_stays_in_any_case_is_left_behind(docker: Docker, tmp_path: Path) -> None:
    """The run that left it has failed."""
    docker.keeps_for_good = True

    assert _end(docker, tmp_path) == [NETWORK]
    assert (docker.starts, docker.stops) == (1, 2)


def test_docker_that_keeps_nothing_is_stopped_once(docker: Docker, tmp_path: Path) -> None:
    """There is nothing to start it for."""
    docker.networks.clear()

    assert _end(docker, tmp_path) == []
    assert (docker.starts, docker.stops) == (0, 1)
