"""One run of the tests: the mark on everything that it starts, and the directory it works in."""

import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "GALAXY_TEST_RUN"
"""Environment: the directory of the run. Every process of the run inherits it."""
NAME_OF_A_RUN = re.compile("galaxy-test-[0-9a-f]{8}")


def begin_run() -> Path:
    """Choose the run's directory, which is its mark as well, and return it."""
    directory = Path(tempfile.gettempdir()) / f"galaxy-test-{secrets.token_hex(4)}"
    os.environ[MARK] = str(directory)
    return directory


def run_directory() -> Path:
    """Return the directory below which everything is that the run writes."""
    return Path(os.environ[MARK])


def run_name() -> str:
    """Return the name that stands in every name that the run gives to others' things."""
    return run_directory().name


def own_directory() -> Path:
    """Return the directory of this process, one of several in a run."""
    return run_directory() / os.environ.get("PYTEST_XDIST_WORKER", "main")


@contextmanager
def unmarked() -> Iterator[None]:
    """Start in the block what may outlive the run: it does not inherit the mark."""
    mark = os.environ.pop(MARK)
    try:
        yield
    finally:
        os.environ[MARK] = mark
