import subprocess
import sys
from pathlib import Path

import pytest

from rtmanager.dev import machine_lock as locks
from rtmanager.dev.machine_lock import machine_lock

TRY = """
import fcntl, sys
try:
    fcntl.flock(open(sys.argv[1], "a"), fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.exit(3)
"""


@pytest.fixture(autouse=True)
def _locks_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locks, "_LOCKS", tmp_path)


def others_get_it(directory: Path) -> bool:
    """Let another process try to take the one lock that is there."""
    (file,) = directory.iterdir()
    return subprocess.run([sys.executable, "-c", TRY, file], check=False).returncode == 0


def test_one_process_at_a_time_is_in_the_block(tmp_path: Path) -> None:
    """Another process does not get the lock inside the block, and gets it afterwards."""
    with machine_lock("apt"):
        assert not others_get_it(tmp_path)

    assert others_get_it(tmp_path)


def test_lock_of_an_unprivileged_user_is_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the machine's own directory is not writable, the temporary one is used."""
    monkeypatch.setattr(locks, "_LOCKS", tmp_path / "not-there")
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))

    with machine_lock("apt"):
        assert not others_get_it(tmp_path)
