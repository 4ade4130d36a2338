"""At the end of a run its leftovers are found, named and removed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import psutil
import pytest

from dev.checkout import ensure_network, networks_named
from tests.support import leftovers
from tests.support.leftovers import (
    Leftover,
    docker_things_of,
    docker_things_of_dead_runs,
    processes_of,
    removed,
)
from tests.support.run import MARK

PROJECT = Path(__file__).parents[3]
PLANTED = """
import os
import subprocess

from tests.support.run import run_directory


def test_that_leaves_something():
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (run_directory().parent / "planted-pid").write_text(str(left.pid))
    left.returncode = 0  # so that Popen does not warn about it
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the directory of a run of its own."""
    return tmp_path / "galaxy-test-00c0ffee"


@pytest.fixture
def process(run: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Return a process of that run."""
    with subprocess.Popen(["sleep", "600"], env={MARK: str(run)}) as process:
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def _without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "ENDED_WITHIN", 0.0)


def test_process_with_the_mark_is_found_and_ended(
    run: Path, process: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Processes that a run starts inherit its mark, by which they are found."""
    names = removed(processes_of(run), print)

    assert names == [f"process {process.pid}: sleep 600"]
    assert process.wait() == -signal.SIGKILL
    assert processes_of(run) == []
    assert capsys.readouterr().out == ""


def test_process_of_another_run_is_left_alone(run: Path, process: subprocess.Popen[bytes]) -> None:
    """A run never ends the processes of another run."""
    other = run.with_name("galaxy-test-00beef00")

    assert processes_of(other) == []
    assert process.poll() is None


def test_what_a_dead_run_has_left_in_docker_is_removed(docker_host: str, run: Path) -> None:
    """Containers are removed before their network; both are found by the run's name alone."""
    network = f"{run.name}-net"
    ensure_network(docker_host, network)

    with closing(docker.APIClient(base_url=docker_host)) as client:
        names = removed(docker_things_of_dead_runs(docker_host), print)

        assert f"network {network}" in names
        assert networks_named(client, network) == []
        assert docker_things_of(run, docker_host) == []


def test_what_cannot_be_removed_is_reported_with_the_reason() -> None:
    """A leftover that cannot be removed is reported with the reason."""

    def refuse() -> None:
        raise PermissionError("not yours")

    assert removed([Leftover("volume x", refuse)], print) == ["volume x (and it stays: not yours)"]


def test_run_that_leaves_a_process_behind_has_failed(tmp_path: Path) -> None:
    """The run names and ends the process and fails, although its tests pass."""
    (tmp_path / "test_planted.py").write_text(PLANTED)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(PROJECT)}
    del environment[MARK]

    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"),
            *("-c", str(PROJECT / "pyproject.toml"), "--rootdir", str(tmp_path)),
            str(tmp_path / "test_planted.py"),
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
    )

    pid = (tmp_path / "planted-pid").read_text()
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    assert "1 passed" in run.stdout
    assert f"process {pid}: sleep 600" in run.stdout
    assert not _is_alive(int(pid))
    assert list(tmp_path.glob("galaxy-test-*")) == []


def _is_alive(pid: int) -> bool:
    """Return whether the process runs; a killed one may not be reaped yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
