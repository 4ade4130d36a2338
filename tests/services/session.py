"""What every service of a test session needs: a private directory and a voice."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Say = Callable[[str], None]


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Say:
    """Return a function that tells the person at the terminal what takes so long."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    reporter = request.config.pluginmanager.getplugin("terminalreporter")

    def to_terminal(message: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(message)

    return to_terminal


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """Return a directory of this session's own, removed at its end."""
    directory = Path(tempfile.mkdtemp(prefix="galaxy-test-"))
    # Postgres runs as another user, who must be able to enter; pytest's own directories are closed.
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)
