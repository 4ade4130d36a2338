"""What every service of a test session needs: a private directory and a voice."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.services.run import own_directory

Say = Callable[[str], None]

SAID = "said"
"""What a worker tells the leading process at its end, under this name."""


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Say:
    """Return a function that tells something to the person at the terminal."""
    output = getattr(request.config, "workeroutput", None)
    if output is None:
        return speaker(request.config)
    said: list[str] = output.setdefault(SAID, [])
    return said.append


def speaker(config: pytest.Config) -> Say:
    """Return a function that writes a line to the terminal, whatever is captured."""
    capture = config.pluginmanager.getplugin("capturemanager")
    reporter = config.pluginmanager.getplugin("terminalreporter")

    def to_terminal(message: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(message)

    return to_terminal


@pytest.fixture(scope="session")
def session_dir() -> Iterator[Path]:
    """Return a directory of this process's own, removed at its end."""
    directory = own_directory()
    directory.mkdir()
    # Postgres runs as another user, who must be able to enter; pytest's own directories are closed.
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)
