"""`make swarm` beside `make run`: no game is on both, and a service that is ready is preferred."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from dev import SetUpError
from dev.__main__ import app
from dev.swarm import environment
from dev.swarm.cluster import Cluster
from dev.swarm.replicas import Replica, ready_first


def call(*arguments: str) -> Any:
    """Run the command line in this process."""
    return CliRunner().invoke(app, arguments)


def test_the_command_line_explains_the_swarm() -> None:
    """Each command says what it does and what keeps running."""
    assert "keep running" in call("swarm", "--help").output
    assert call("swarm-down", "--help").exit_code == 0


def test_without_a_swarm_there_is_nothing_to_remove(tmp_path: Path) -> None:
    """The command says so, and succeeds."""
    result = call("--data-dir", str(tmp_path), "swarm-down")

    assert result.exit_code == 0
    assert result.output == "No Swarm that `make swarm` started here is there.\n"


def test_games_on_a_swarm_keep_a_single_docker_host_from_running_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make run` refuses while the Swarm of the same directory runs: two engines could write."""
    monkeypatch.setattr(Cluster, "is_on", True)

    result = call("--data-dir", str(tmp_path))

    assert result.exit_code == 1
    assert "make swarm-down" in result.output


@pytest.mark.parametrize("is_ours", [True, False])
def test_games_on_a_single_docker_host_keep_a_swarm_from_running_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_ours: bool
) -> None:
    """`make swarm` refuses while engines of `make run` run that write below the same directory."""
    source = tmp_path if is_ours else tmp_path.parent
    engine = {
        "Names": ["/galaxy-game-andromeda"],
        "Mounts": [{"Type": "bind", "Source": str(source / "games" / "andromeda")}],
    }
    client = SimpleNamespace(containers=lambda **_: [engine], close=lambda: None)
    monkeypatch.setattr(environment, "why_unreachable", lambda _: None)
    monkeypatch.setattr("docker.APIClient", lambda **_: client)
    monkeypatch.setattr(environment, "require_free_address", lambda: None)
    monkeypatch.setattr(environment, "_start_all", lambda *_: "started")

    assert _outcome(tmp_path) == ("refused" if is_ours else "started")


def _outcome(data_dir: Path) -> object:
    try:
        with environment.prepared(data_dir, lambda _: None) as prepared:
            return prepared
    except SetUpError as refusal:
        return "refused" if "galaxy-game-andromeda" in str(refusal) else refusal


def test_a_connection_leads_to_a_service_that_is_ready(replica: Callable[..., Replica]) -> None:
    """One that is not ready is tried last: it can at least say what is wrong."""
    members = [replica(1, is_ready=False), replica(2, is_ready=True), replica(3, is_ready=True)]

    assert [end.port for end in ready_first(members)] == [2, 3, 1]


@pytest.fixture
def replica() -> Callable[..., Replica]:
    """Return a function that makes a replica that does not run."""
    seat: Any = SimpleNamespace(namespace=Path("/proc/self/ns/net"))

    def make(port: int, *, is_ready: bool) -> Replica:
        return Replica(seat, port, lambda _: None, is_ready=is_ready)

    return make
