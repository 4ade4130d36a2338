"""The limit of open files: raised, and shared between the service and its callers."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rtmanager.server.file_limit import connections_within, raise_file_limit

ROOT = Path(__file__).parents[3]
RAISE = """
import resource
from rtmanager.server.file_limit import raise_file_limit

resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))
print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_limit_is_raised_as_far_as_it_may_be() -> None:
    """A soft limit is a default for programs that cannot handle more."""
    done = subprocess.run(
        [sys.executable, "-c", RAISE], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["300", "300", "300"]


def test_a_limit_that_cannot_be_raised_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service starts all the same, and says so."""

    def refuse(*_: object) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 300))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with capture_logs() as lines:
        limit = raise_file_limit()

    assert limit == 100
    assert [line["event"] for line in lines] == ["file_limit_not_raised"]


def test_no_limit_is_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unlimited number of files limits nothing."""
    unlimited = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (unlimited, unlimited))

    assert connections_within(raise_file_limit(), wanted=1000, reserved=350) == 1000


@pytest.mark.parametrize(
    ("limit", "connections"),
    [(20_000, 1000), (1350, 1000), (1349, 999), (800, 450), (400, 100), (256, 64), (3, 1)],
)
def test_the_files_of_the_service_come_first(limit: int, connections: int) -> None:
    """Callers get what is left, at least a quarter; fewer than wanted are logged."""
    with capture_logs() as lines:
        assert connections_within(limit, wanted=1000, reserved=350) == connections

    assert [line["event"] for line in lines] == ["connections_limited"] * (connections < 1000)
