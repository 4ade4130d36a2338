import socket
import subprocess
import sys
from pathlib import Path

from dev.free_port import free_port, next_free_port, remembered_port


def test_the_port_is_the_same_next_time(tmp_path: Path) -> None:
    """A port stays the same over restarts, so that copied addresses stay valid."""
    first = remembered_port(tmp_path / "port")

    assert remembered_port(tmp_path / "port") == first


def test_a_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    """A remembered port that another process uses is replaced."""
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        taken = foreign.getsockname()[1]
        (tmp_path / "port").write_text(f"{taken}\n")

        port = remembered_port(tmp_path / "port")

    assert port != taken
    assert (tmp_path / "port").read_text() == f"{port}\n"


def test_a_free_port_can_be_listened_on() -> None:
    """Nothing listens on a free port."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        assert server.getsockname()[1] > 0


def test_trap_outgoing_connection_takes_a_servers_port() -> None:
    """The kernel never gives a free port to a client while its server is down."""
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")

    ports = [free_port() for _ in range(100)]

    assert max(ports) < int(outgoing.split()[0])
    assert len(set(ports)) == 100


def test_the_next_free_port_skips_those_that_are_taken() -> None:
    """The port proposed in place of a taken one is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert next_free_port(port - 1) > port


def test_port_of_another_process_is_not_given_twice(tmp_path: Path) -> None:
    """A port given to one process is not given to another, even before it listens."""
    port = free_port()
    (tmp_path / "port").write_text(f"{port}\n")
    ask = "import sys, pathlib; from dev.free_port import remembered_port as ask; "
    ask += "print(ask(pathlib.Path(sys.argv[1])))"

    given = subprocess.run(
        [sys.executable, "-c", ask, tmp_path / "port"], capture_output=True, check=True, text=True
    )

    assert int(given.stdout) != port
