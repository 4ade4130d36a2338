"""The fault proxy, which other tests rely on."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dev.free_port import free_port
from tests.support import proxy as proxy_module
from tests.support.proxy import Proxy


class Shouter:
    """A service that answers in capitals and records what it receives."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while piece := connection.recv(1024):
                self.heard.append(piece)
                connection.sendall(piece.upper())


@pytest.fixture
def shouter() -> Iterator[Shouter]:
    """Return a running service."""
    service = Shouter()
    yield service
    service.close()


@pytest.fixture
def proxy(shouter: Shouter) -> Iterator[Proxy]:
    """Return a proxy in front of the service."""
    with Proxy(shouter.address) as proxy:
        yield proxy


def _connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=2)


def _ask(connection: socket.socket, piece: bytes) -> bytes:
    connection.sendall(piece)
    return connection.recv(1024)


def test_requests_and_replies_pass(proxy: Proxy) -> None:
    """Without a fault the proxy is transparent."""
    with _connect(proxy) as connection:
        assert _ask(connection, b"hello") == b"HELLO"
        assert _ask(connection, b"again") == b"AGAIN"


def test_round_trips_are_counted(proxy: Proxy) -> None:
    """A round trip is a request that was sent after a reply."""
    with _connect(proxy) as connection:
        _ask(connection, b"hello")
        _ask(connection, b"again")

        assert proxy.round_trips == 2


def test_cut_before_lets_only_what_is_in_front_of_it_arrive(proxy: Proxy, shouter: Shouter) -> None:
    """The client gets no more than the answer to that, and the next connection works."""
    proxy.cut_before(b"commit")
    with _connect(proxy) as connection:
        connection.sendall(b"insert; commit")
        answer = b"".join(iter(lambda: connection.recv(1024), b""))

    assert answer in (b"INSERT; ", b"")
    assert shouter.heard == [b"insert; "]
    with _connect(proxy) as connection:
        assert _ask(connection, b"commit") == b"COMMIT"


def test_refuse_drops_connections_and_takes_no_new_ones(proxy: Proxy) -> None:
    """A refusing service looks stopped to its clients."""
    with _connect(proxy) as connection:
        assert _ask(connection, b"hello") == b"HELLO"

        proxy.refuse()

        assert connection.recv(1024) == b""
    with pytest.raises(ConnectionRefusedError):
        _connect(proxy)


def test_refuse_drops_a_connection_that_is_being_made(
    proxy: Proxy, shouter: Shouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection accepted but not yet forwarded never reaches the service."""
    is_accepted, may_go_on = threading.Event(), threading.Event()
    make_link = proxy_module._Link  # noqa: SLF001 - between accept and forwarding

    def make_link_late(client: socket.socket, server: socket.socket) -> object:
        is_accepted.set()
        may_go_on.wait(5)
        return make_link(client, server)

    monkeypatch.setattr(proxy_module, "_Link", make_link_late)
    with _connect(proxy) as connection:
        assert is_accepted.wait(5)
        proxy.refuse()
        may_go_on.set()

        with suppress(ConnectionError):
            assert _ask(connection, b"hello") == b""
    assert shouter.heard == []


def test_a_refused_service_comes_back_at_the_same_port(proxy: Proxy) -> None:
    """The service is available again at the same port."""
    port = proxy.port
    proxy.refuse()

    proxy.pass_on()

    assert proxy.port == port
    with _connect(proxy) as connection:
        assert _ask(connection, b"hello") == b"HELLO"


def test_hang_holds_everything_back_until_it_ends(proxy: Proxy, shouter: Shouter) -> None:
    """A hanging service accepts connections and is silent; later all data passes."""
    with _connect(proxy) as connection:
        assert _ask(connection, b"hello") == b"HELLO"
        proxy.hang()
        connection.sendall(b"anybody?")
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1024)
        assert shouter.heard == [b"hello"]

        proxy.pass_on()

        connection.settimeout(2)
        assert connection.recv(1024) == b"ANYBODY?"


def test_hang_takes_new_connections(proxy: Proxy) -> None:
    """A hanging service accepts new connections, unlike a stopped one."""
    proxy.hang()

    with _connect(proxy) as connection:
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            _ask(connection, b"hello")


def test_cut_drops_connections_and_takes_new_ones(proxy: Proxy) -> None:
    """Clients can reconnect at once after a cut."""
    with _connect(proxy) as connection:
        assert _ask(connection, b"hello") == b"HELLO"

        proxy.cut()

        assert connection.recv(1024) == b""
    with _connect(proxy) as connection:
        assert _ask(connection, b"hello") == b"HELLO"


def test_a_lost_reply_leaves_its_effect(proxy: Proxy, shouter: Shouter) -> None:
    """The service handles the request, and the client gets no reply."""
    proxy.lose_reply_to(b"commit")
    with _connect(proxy) as connection:
        assert _ask(connection, b"insert") == b"INSERT"

        assert _ask(connection, b"commit") == b""

    assert shouter.heard == [b"insert", b"commit"]
    assert proxy.lost_replies == 1


def test_only_one_reply_is_lost(proxy: Proxy) -> None:
    """A retry succeeds."""
    proxy.lose_reply_to(b"commit")
    with _connect(proxy) as connection:
        assert _ask(connection, b"commit") == b""

    with _connect(proxy) as connection:
        assert _ask(connection, b"commit") == b"COMMIT"


def test_a_replaced_reply_leaves_its_effect(proxy: Proxy, shouter: Shouter) -> None:
    """The service handles the request; the client gets another reply and is disconnected."""
    proxy.replace_reply_to(b"commit", b"refused", skipping=1)
    with _connect(proxy) as connection:
        assert _ask(connection, b"commit") == b"COMMIT"

        assert _ask(connection, b"commit") == b"refused"
        assert connection.recv(1024) == b""

    assert shouter.heard == [b"commit", b"commit"]
    assert proxy.lost_replies == 1


def test_a_service_that_is_down_is_down_through_the_proxy() -> None:
    """Connections fail when no service is behind the proxy."""
    with Proxy(("127.0.0.1", free_port())) as proxy, _connect(proxy) as connection:
        assert connection.recv(1024) == b""


def test_unix_sockets_are_served_too(shouter: Shouter, tmp_path: Path) -> None:
    """The proxy also serves Unix sockets, such as Docker's."""
    path = tmp_path / "socket"
    with Proxy(shouter.address, listen_on=path) as proxy:
        proxy.refuse()
        with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
            client.connect(str(path))
        proxy.pass_on()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))

            assert _ask(client, b"hello") == b"HELLO"
