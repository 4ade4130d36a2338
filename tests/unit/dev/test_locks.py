import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dev import SetUpError, locks
from dev.locks import SharedUse, directory_lock, machine_lock

TRY = """
import fcntl, sys
try:
    fcntl.flock(open(sys.argv[1], "a"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(3)
"""

USE = """
import pathlib, sys, time
from dev import locks
locks._LOCKS = pathlib.Path(sys.argv[1])
use = locks.SharedUse("docker-use")
print("begun", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _locks_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locks, "_LOCKS", tmp_path)


def others_get_it(directory: Path) -> bool:
    """Return whether another process can take the lock."""
    (file,) = directory.iterdir()
    return subprocess.run([sys.executable, "-c", TRY, file], check=False).returncode == 0


def test_one_process_at_a_time_is_in_the_block(tmp_path: Path) -> None:
    """Another process gets the lock only after the block."""
    with machine_lock("apt"):
        assert not others_get_it(tmp_path)

    assert others_get_it(tmp_path)


def test_lock_of_an_unprivileged_user_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The temporary directory is used when the machine's own is not writable."""
    monkeypatch.setattr(locks, "_LOCKS", tmp_path / "not-there")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    with machine_lock("apt"):
        assert not others_get_it(tmp_path)


def test_a_directory_serves_one_environment_at_a_time(tmp_path: Path) -> None:
    """A second environment would stop the servers of the first."""
    with (
        directory_lock(tmp_path),
        pytest.raises(SetUpError, match="another environment runs"),
        directory_lock(tmp_path),
    ):
        pytest.fail("two environments use the directory")


def test_a_directory_is_free_again_afterwards(tmp_path: Path) -> None:
    """The lock ends with its holder; the file that remains locks nothing."""
    with directory_lock(tmp_path):
        pass

    with directory_lock(tmp_path):
        assert (tmp_path / "lock").exists()


def is_last(use: SharedUse) -> bool:
    """End a use and return whether it was the last."""
    with use.end() as last:
        return last


def test_only_the_last_of_several_uses_ends_alone() -> None:
    """While another use continues, ending one is not the last."""
    first, second = SharedUse("docker-use"), SharedUse("docker-use")

    assert [is_last(first), is_last(second)] == [False, True]


def test_the_use_of_a_killed_process_is_over() -> None:
    """The use of a killed process counts as ended."""
    with subprocess.Popen(
        [sys.executable, "-c", USE, str(locks._LOCKS)],  # noqa: SLF001 - this test's own directory
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        beside_it = is_last(SharedUse("docker-use"))
        other.kill()

    assert [beside_it, is_last(SharedUse("docker-use"))] == [False, True]


def test_no_use_begins_while_the_last_one_clears_up() -> None:
    """A new use waits until the last one has finished clearing up."""
    use = SharedUse("docker-use")
    with ThreadPoolExecutor(1) as pool, use.end():
        another = pool.submit(lambda: is_last(SharedUse("docker-use")))
        with pytest.raises(TimeoutError):
            another.result(0.2)

    assert another.result()
