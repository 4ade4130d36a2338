import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from dev import SetUpError, environment
from dev.background_process import BackgroundProcess
from dev.checkout import Checkout, ensure_network
from dev.docker_host import DEFAULT_ADDRESS, DockerHost, started_here
from dev.embedded_redis import Passwords
from dev.environment import overridden, prepare, report_dockerd, report_engines
from dev.free_port import free_port
from tests.unit.dev.checkouts import Machine, StartEngine


class Parts:
    """The parts of an environment: only dockerd is a process, and none of them does any work."""

    def __init__(self) -> None:
        self.dockerd: BackgroundProcess | None = None
        self.checkout: Checkout | None = None
        self.stopped: list[str] = []

    def ensure_docker(self, directory: Path, _echo: object) -> DockerHost:
        if started_here(directory) is None:
            self.dockerd = BackgroundProcess.start(
                ["sleep", "60"], pid_file=directory / "dockerd.pid", log_file=directory / "log"
            )
        return DockerHost(DEFAULT_ADDRESS, started_here(directory))

    def ensure_checkout_network(self, _host: str, checkout: Checkout, _echo: object) -> str:
        self.checkout = checkout
        return "its-network"

    def server(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(
            dsn=lambda: "postgresql://",
            address=name,
            passwords=Passwords("for-the-developer", "for-the-service"),
            stop=lambda: self.stopped.append(name),
        )


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    """Replace the environment's parts by ones that need no machine."""
    for name in os.environ:
        if name.startswith("RTMANAGER_"):
            monkeypatch.delenv(name)
    parts = Parts()
    monkeypatch.setattr(environment, "HTTP_PORT", free_port())
    monkeypatch.setattr(environment, "ensure_docker", parts.ensure_docker)
    monkeypatch.setattr(environment, "ensure_checkout_network", parts.ensure_checkout_network)
    monkeypatch.setattr(environment, "ensure_demo_images", lambda *_: None)
    monkeypatch.setattr(environment, "report_engines", lambda *_: None)
    monkeypatch.setattr(environment, "start_postgres", lambda *_: parts.server("postgres"))
    monkeypatch.setattr(environment, "start_redis", lambda _: parts.server("redis"))
    yield parts
    if parts.dockerd is not None:
        parts.dockerd.stop(seconds=5)


def test_trap_engines_survive_the_end_of_make_run(
    parts: Parts, tmp_path: Path, printed: list[str]
) -> None:
    """A dockerd started here outlives the run, because every engine would stop with it."""
    prepare(tmp_path, printed.append).stop()

    assert parts.dockerd is not None
    assert parts.dockerd.is_running()
    assert parts.stopped == ["redis", "postgres"]
    assert printed[-1].startswith(
        f"dockerd (pid {parts.dockerd.pid}), which was started here, keeps running"
    )


def test_the_next_run_uses_the_dockerd_that_keeps_running(
    parts: Parts, tmp_path: Path, printed: list[str]
) -> None:
    """No second dockerd is started, and the output still says how to stop the first."""
    prepare(tmp_path, printed.append).stop()
    first = parts.dockerd

    prepare(tmp_path, printed.append).stop()

    assert parts.dockerd is first
    assert printed[0] == printed[1]


def test_a_dockerd_that_a_failed_run_started_is_reported_too(
    parts: Parts, tmp_path: Path, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its dockerd keeps running as well, so the output says so."""

    def refuse(*_: object) -> str:
        raise SetUpError("no network is left")

    monkeypatch.setattr(environment, "ensure_checkout_network", refuse)

    with pytest.raises(SetUpError, match="no network is left"):
        prepare(tmp_path, printed.append)
    assert parts.dockerd is not None
    assert str(parts.dockerd.pid) in printed[0]


@pytest.mark.usefixtures("parts")
def test_the_network_of_the_checkout_is_the_services(tmp_path: Path, printed: list[str]) -> None:
    """The service uses the network of this checkout."""
    prepared = prepare(tmp_path, printed.append)
    prepared.stop()

    assert prepared.environ["RTMANAGER_DOCKER_NETWORK"] == "its-network"


def test_a_network_of_the_users_choice_wins(
    parts: Parts, tmp_path: Path, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When RTMANAGER_DOCKER_NETWORK is set no other network is chosen or created."""
    monkeypatch.setenv("RTMANAGER_DOCKER_NETWORK", "mine")

    prepared = prepare(tmp_path, printed.append)
    prepared.stop()

    assert prepared.environ["RTMANAGER_DOCKER_NETWORK"] == "mine"
    assert parts.checkout is None


def test_the_games_of_the_checkout_are_below_its_data(
    parts: Parts, tmp_path: Path, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines belong to the checkout that holds their state; an empty variable counts as unset."""
    monkeypatch.setenv("RTMANAGER_GAME_STATE_ROOT", " ")

    prepare(tmp_path, printed.append).stop()

    assert parts.checkout == Checkout(tmp_path, tmp_path / "games")


def test_the_games_of_the_checkout_are_below_the_state_root_of_the_users_choice(
    parts: Parts, tmp_path: Path, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the state root is set, it decides which engines are this checkout's."""
    monkeypatch.setenv("RTMANAGER_GAME_STATE_ROOT", "/srv/games")

    prepare(tmp_path, printed.append).stop()

    assert parts.checkout == Checkout(tmp_path, Path("/srv/games"))


PREPARED = {
    "RTMANAGER_POSTGRES_PRIMARY_DSN": "postgresql://prepared",
    "RTMANAGER_REDIS_MASTER_ADDR": "127.0.0.1:1",
    "RTMANAGER_REDIS_USERNAME": "prepared",
    "RTMANAGER_REDIS_PASSWORD": "prepared",
}


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        ("LOG_LEVEL", {"POSTGRES_PRIMARY_DSN", "MASTER_ADDR", "USERNAME", "PASSWORD"}),
        ("POSTGRES_PRIMARY_DSN_FILE", {"MASTER_ADDR", "USERNAME", "PASSWORD"}),
        ("REDIS_MASTER_ADDR", {"POSTGRES_PRIMARY_DSN"}),
        ("REDIS_PASSWORD_FILE", {"POSTGRES_PRIMARY_DSN", "MASTER_ADDR"}),
    ],
)
def test_what_the_user_chooses_replaces_what_is_prepared(chosen: str, kept: set[str]) -> None:
    """A secret may be chosen by its file, and the login is sent to the prepared server only."""
    used = overridden(PREPARED, {f"RTMANAGER_{chosen}": "chosen"})

    prepared = {name for name, value in used.items() if "prepared" in value or "127" in value}
    shortened = {name.removeprefix("RTMANAGER_").removeprefix("REDIS_") for name in prepared}
    assert shortened == kept
    assert used[f"RTMANAGER_{chosen}"] == "chosen"


def test_a_taken_port_is_reported_before_anything_is_started(
    parts: Parts, tmp_path: Path, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice for a second checkout names the variable and a value that works."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        monkeypatch.setattr(environment, "HTTP_PORT", port)
        with pytest.raises(SetUpError) as refused:
            prepare(tmp_path, printed.append)

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
    tmp_path: Path, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the address is set, the default port is not checked."""
    with socket.create_server(("127.0.0.1", 0)) as first:
        monkeypatch.setattr(environment, "HTTP_PORT", first.getsockname()[1])
        monkeypatch.setenv("RTMANAGER_INTERNAL_HTTP_ADDR", "127.0.0.1:8097")

        prepare(tmp_path, printed.append).stop()


def test_engines_that_keep_running_are_named(
    machine: Machine, first: Checkout, second: Checkout, start_engine: StartEngine
) -> None:
    """Only this checkout's running engines are named."""
    ensure_network(machine.docker_host, machine.preferred)
    running = start_engine(machine.preferred, first)
    machine.client.kill(start_engine(machine.preferred, first))
    start_engine(machine.preferred, second)

    report_engines(machine.docker_host, machine.preferred, first, machine.printed.append)

    assert machine.printed == [f"Engines that keep running for the next `make run`: {running}."]


def test_nothing_is_printed_when_no_engine_runs(machine: Machine, first: Checkout) -> None:
    """Without running engines nothing is printed."""
    report_engines(machine.docker_host, machine.preferred, first, machine.printed.append)

    assert machine.printed == []


def test_many_engines_are_counted(
    monkeypatch: pytest.MonkeyPatch, first: Checkout, printed: list[str]
) -> None:
    """Many engines are counted instead of named."""
    names = [f"galaxy-game-{number}" for number in range(7)]
    monkeypatch.setattr(environment, "running_engines", lambda *_: names)

    report_engines("unix:///nowhere", "galaxy-net", first, printed.append)

    assert printed[0].endswith("galaxy-game-3, galaxy-game-4 and 2 more.")


def test_a_docker_host_that_is_away_ends_nothing(first: Checkout, printed: list[str]) -> None:
    """The environment stops cleanly even when Docker is away."""
    report_engines("tcp://127.0.0.1:1", "galaxy-net", first, printed.append)

    assert printed[0].startswith("Docker does not report which engines keep running: ")


def test_a_dockerd_that_keeps_running_is_reported_with_how_to_stop_it(
    tmp_path: Path, printed: list[str]
) -> None:
    """The output mentions a dockerd that keeps running, and not one that has ended."""
    dockerd = BackgroundProcess.start(
        ["sleep", "60"], pid_file=tmp_path / "dockerd.pid", log_file=tmp_path / "log"
    )

    report_dockerd(dockerd, printed.append)
    dockerd.stop(seconds=5)
    report_dockerd(dockerd, printed.append)

    (line,) = printed
    assert line == (
        f"dockerd (pid {dockerd.pid}), which was started here, keeps running; `make stop-docker` "
        f"or `kill {dockerd.pid}` stops it, and every engine with it."
    )
