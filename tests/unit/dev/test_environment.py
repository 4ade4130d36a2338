import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from rtmanager.dev import environment
from rtmanager.dev.background_process import BackgroundProcess
from rtmanager.dev.checkout import Checkout
from rtmanager.dev.docker_engine import DEFAULT_HOST, DockerEngine, started_here
from rtmanager.dev.environment import prepare
from rtmanager.dev.errors import SetUpError
from rtmanager.dev.free_port import free_port


class Parts:
    """The parts of an environment: only dockerd is a process, and none of them does any work."""

    def __init__(self) -> None:
        self.dockerd: BackgroundProcess | None = None
        self.checkout: Checkout | None = None
        self.stopped: list[str] = []

    def ensure_engine(self, directory: Path, _echo: object) -> DockerEngine:
        if started_here(directory) is None:
            self.dockerd = BackgroundProcess.start(
                ["sleep", "60"], pid_file=directory / "dockerd.pid", log_file=directory / "log"
            )
        return DockerEngine(DEFAULT_HOST, started_here(directory))

    def ensure_checkout_network(self, _host: str, checkout: Checkout, _echo: object) -> str:
        self.checkout = checkout
        return "its-network"

    def server(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(
            dsn=lambda: "postgresql://", address=name, stop=lambda: self.stopped.append(name)
        )


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """Put parts into the environment that need no machine."""
    for name in os.environ:
        if name.startswith("RTMANAGER_"):
            monkeypatch.delenv(name)
    parts = Parts()
    monkeypatch.setattr(environment, "HTTP_PORT", free_port())
    monkeypatch.setattr(environment, "ensure_engine", parts.ensure_engine)
    monkeypatch.setattr(environment, "ensure_checkout_network", parts.ensure_checkout_network)
    monkeypatch.setattr(environment, "ensure_demo_images", lambda *_: None)
    monkeypatch.setattr(environment, "tell_of_engines", lambda *_: None)
    monkeypatch.setattr(environment, "start_postgres", lambda *_: parts.server("postgres"))
    monkeypatch.setattr(environment, "start_redis", lambda _: parts.server("redis"))
    yield parts
    if parts.dockerd is not None:
        parts.dockerd.stop(seconds=5)


def test_trap_engines_survive_the_end_of_make_run(
    parts: Parts, tmp_path: Path, told: list[str]
) -> None:
    """A dockerd that was started here outlives the run, or every engine would stop with it."""
    prepare(tmp_path, told.append).stop()

    assert parts.dockerd is not None
    assert parts.dockerd.is_running()
    assert parts.stopped == ["redis", "postgres"]
    assert told[-1].startswith(
        f"dockerd (pid {parts.dockerd.pid}), which was started here, runs on"
    )


def test_the_next_run_uses_the_dockerd_that_runs_on(
    parts: Parts, tmp_path: Path, told: list[str]
) -> None:
    """No second one is started, and it is still told how to stop the first."""
    prepare(tmp_path, told.append).stop()
    first = parts.dockerd

    prepare(tmp_path, told.append).stop()

    assert parts.dockerd is first
    assert told[0] == told[1]


def test_a_dockerd_that_a_failed_run_started_is_told_too(
    parts: Parts, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs on as well, and nothing runs on unsaid."""

    def refuse(*_: object) -> str:
        raise SetUpError("no network is left")

    monkeypatch.setattr(environment, "ensure_checkout_network", refuse)

    with pytest.raises(SetUpError, match="no network is left"):
        prepare(tmp_path, told.append)
    assert parts.dockerd is not None
    assert str(parts.dockerd.pid) in told[0]


@pytest.mark.usefixtures("parts")
def test_the_network_of_the_checkout_is_the_services(tmp_path: Path, told: list[str]) -> None:
    """The service is given the network that was found for this checkout."""
    prepared = prepare(tmp_path, told.append)
    prepared.stop()

    assert prepared.environ["RTMANAGER_DOCKER_NETWORK"] == "its-network"


def test_a_network_of_the_users_choice_wins(
    parts: Parts, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RTMANAGER_DOCKER_NETWORK says which network is meant: none is looked for or made."""
    monkeypatch.setenv("RTMANAGER_DOCKER_NETWORK", "mine")

    prepared = prepare(tmp_path, told.append)
    prepared.stop()

    assert prepared.environ["RTMANAGER_DOCKER_NETWORK"] == "mine"
    assert parts.checkout is None


def test_the_games_of_the_checkout_are_below_its_data(
    parts: Parts, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Docker shows whose engine it is by where its state is; an empty variable is not set."""
    monkeypatch.setenv("RTMANAGER_GAME_STATE_ROOT", " ")

    prepare(tmp_path, told.append).stop()

    assert parts.checkout == Checkout(tmp_path, tmp_path / "games")


def test_the_games_of_the_checkout_are_below_the_state_root_of_the_users_choice(
    parts: Parts, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service keeps states there, so it says which engines are this checkout's."""
    monkeypatch.setenv("RTMANAGER_GAME_STATE_ROOT", "/srv/games")

    prepare(tmp_path, told.append).stop()

    assert parts.checkout == Checkout(tmp_path, Path("/srv/games"))


def test_a_taken_port_is_told_before_anything_is_started(
    parts: Parts, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice is complete for a second checkout: the variable, and a value that works."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        monkeypatch.setattr(environment, "HTTP_PORT", port)
        with pytest.raises(SetUpError) as refused:
            prepare(tmp_path, told.append)

    advice = str(refused.value)
    assert advice.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use; ")
    assert "`make run` of another checkout" in advice
    _, _, command = advice.rpartition(": ")
    variable, _, rest = command.partition("=127.0.0.1:")
    assert variable == "RTMANAGER_INTERNAL_HTTP_ADDR"
    assert port < int(rest.removesuffix(" make run")) < port + 1000
    assert parts.dockerd is None


@pytest.mark.usefixtures("parts")
def test_an_address_of_the_users_choice_is_left_to_the_server(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port that is taken is then not the one that is meant."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        monkeypatch.setattr(environment, "HTTP_PORT", first.getsockname()[1])
        monkeypatch.setenv("RTMANAGER_INTERNAL_HTTP_ADDR", "127.0.0.1:8097")

        prepare(tmp_path, told.append).stop()
