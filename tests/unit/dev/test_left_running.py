from pathlib import Path

import pytest

from rtmanager.dev import left_running
from rtmanager.dev.background_process import BackgroundProcess
from rtmanager.dev.checkout import Checkout
from rtmanager.dev.docker_network import ensure_network
from rtmanager.dev.left_running import tell_of_dockerd, tell_of_engines
from tests.unit.dev.checkouts import Machine, StartEngine


def test_engines_that_run_on_are_named(
    machine: Machine, first: Checkout, second: Checkout, start_engine: StartEngine
) -> None:
    """Those of this checkout that run; neither stopped ones nor another's."""
    ensure_network(machine.docker_host, machine.preferred)
    running = start_engine(machine.preferred, first)
    machine.client.kill(start_engine(machine.preferred, first))
    start_engine(machine.preferred, second)

    tell_of_engines(machine.docker_host, machine.preferred, first, machine.told.append)

    assert machine.told == [f"Engines that run on, and that the next `make run` finds: {running}."]


def test_nothing_is_told_when_no_engine_runs(machine: Machine, first: Checkout) -> None:
    """Who started no game is not bothered."""
    tell_of_engines(machine.docker_host, machine.preferred, first, machine.told.append)

    assert machine.told == []


def test_many_engines_are_counted(
    monkeypatch: pytest.MonkeyPatch, first: Checkout, told: list[str]
) -> None:
    """A thousand games are not listed by name."""
    names = [f"galaxy-game-{number}" for number in range(7)]
    monkeypatch.setattr(left_running, "_running_engines", lambda *_: names)

    tell_of_engines("unix:///nowhere", "galaxy-net", first, told.append)

    assert told[0].endswith("galaxy-game-3, galaxy-game-4 and 2 more.")


def test_a_docker_host_that_is_away_ends_nothing(first: Checkout, told: list[str]) -> None:
    """The environment must stop whatever became of Docker."""
    tell_of_engines("tcp://127.0.0.1:1", "galaxy-net", first, told.append)

    assert told[0].startswith("Docker does not tell which engines run on: ")


def test_a_dockerd_that_runs_on_is_told_with_the_way_to_stop_it(
    tmp_path: Path, told: list[str]
) -> None:
    """Nothing runs on unsaid, and one that has ended is not talked about."""
    dockerd = BackgroundProcess.start(
        ["sleep", "60"], pid_file=tmp_path / "dockerd.pid", log_file=tmp_path / "log"
    )

    tell_of_dockerd(dockerd, told.append)
    dockerd.stop(seconds=5)
    tell_of_dockerd(dockerd, told.append)

    (line,) = told
    assert line == (
        f"dockerd (pid {dockerd.pid}), which was started here, runs on; `make stop-docker` "
        f"or `kill {dockerd.pid}` stops it, and every engine with it."
    )
