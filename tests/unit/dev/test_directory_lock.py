from pathlib import Path

import pytest

from rtmanager.dev.directory_lock import lock_directory
from rtmanager.dev.errors import SetUpError


def test_a_directory_serves_one_environment_at_a_time(tmp_path: Path) -> None:
    """The second one would stop the servers of the first."""
    with lock_directory(tmp_path), pytest.raises(SetUpError, match="another environment runs"):
        lock_directory(tmp_path)


def test_a_directory_is_free_again_afterwards(tmp_path: Path) -> None:
    """The lock ends with its holder; the file that stays behind locks nothing."""
    lock_directory(tmp_path).close()

    lock_directory(tmp_path).close()

    assert (tmp_path / "lock").exists()
