"""A proxy in front of a real service, which can cut off the service or lose its replies."""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.free_port import free_port

Address = tuple[str, int] | Path


class Proxy:
    """Forwards connections to a service until switched otherwise.

    Listens on a loopback port, or on a unix socket when given a path. Every switch works at once
    and from any thread: pass_on, refuse, hang, cut, and those for replies. `round_trips` counts the
    requests that were sent when everything before them had a reply.
    """

    def __init__(self, target: Address, listen_on: Path | None = None) -> None:
        self.lost_replies = self.round_trips = 0
        self._target = target
        self._listen_on: Address = listen_on or ("127.0.0.1", free_port())
        self._listener: socket.socket | None = None
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._loss: _Loss | None = None
        self._cut_before: bytes | None = None

    def __enter__(self) -> Self:
        """Start forwarding."""
        self.pass_on()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and drop every connection."""
        self.refuse()

    @property
    def port(self) -> int:
        """Return the loopback port it listens on, which stays the same after a refusal."""
        if isinstance(self._listen_on, Path):
            raise TypeError("this proxy listens on a unix socket")
        return self._listen_on[1]

    @property
    def address(self) -> str:
        """Return host:port."""
        return f"127.0.0.1:{self.port}"

    def pass_on(self) -> None:
        """Forward everything, including what was held back by hang."""
        if self._loss is not None and self._loss.is_lasting:
            self._loss = None
        self._flowing.set()
        if self._listener is None:
            self._listen()

    def refuse(self) -> None:
        """Drop every connection and refuse new ones, as a stopped service does."""
        if self._listener is not None:
            # Closing alone would leave the thread in accept, and with it the open port.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self._flowing.set()
        self.cut()

    def hang(self) -> None:
        """Accept connections and forward nothing, as a frozen service does."""
        self._flowing.clear()
        if self._listener is None:
            self._listen()

    def cut(self) -> None:
        """Drop every open connection; new ones are accepted."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.drop()

    def lose_reply_to(self, pattern: bytes) -> None:
        """Let the next request that contains these bytes take effect, but lose its reply.

        The bytes must arrive in one piece, as a short request line or statement does.
        """
        self._loss = _Loss(pattern)

    def lose_every_reply_to(self, pattern: bytes) -> None:
        """Do so with every such request until pass_on is called; drop open connections."""
        self._loss = _Loss(pattern, is_lasting=True)
        self.cut()

    def replace_reply_to(self, pattern: bytes, reply: bytes, *, skipping: int = 0) -> None:
        """Let such a request take effect, and send this reply instead of the service's.

        It is the next one, or the one after as many as are to be skipped.
        """
        self._loss = _Loss(pattern, reply, skipping)

    def cut_before(self, pattern: bytes) -> None:
        """Drop the connection of the next request that contains these bytes, at the first of them.

        What is in front of them arrives, as when a client dies amid sending.
        """
        self._cut_before = pattern

    def _listen(self) -> None:
        family = _family(self._listen_on)
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if isinstance(self._listen_on, Path):
            self._listen_on.unlink(missing_ok=True)
        listener.bind(_plain(self._listen_on))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # raised by accept once the listener is shut down
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        server = socket.socket(_family(self._target))
        try:
            server.connect(_plain(self._target))
        except OSError:
            client.close()
            server.close()
            return
        link = _Link(client, server)
        if not self._admits(link):
            link.close()
            return
        backwards = threading.Thread(target=self._pump_replies, args=(link,), daemon=True)
        backwards.start()
        self._pump_requests(link)
        backwards.join()
        with self._lock:
            self._links.discard(link)
        link.close()

    def _admits(self, link: "_Link") -> bool:
        """Add it to the open ones, unless connections have been refused since it was accepted."""
        with self._lock:
            if self._listener is None:
                return False
            self._links.add(link)
            return True

    def _pump_requests(self, link: "_Link") -> None:
        with suppress(OSError):
            while data := link.client.recv(65536):
                self._flowing.wait()
                self.round_trips += link.is_answered
                link.is_answered = False
                if link.reply is None:
                    link.reply = self._replacement_for(data)
                whole = self._uncut(data)
                link.server.sendall(whole)
                if whole != data:
                    break
            link.server.shutdown(socket.SHUT_WR)  # half-closed: the reply may still be coming

    def _pump_replies(self, link: "_Link") -> None:
        with suppress(OSError):
            while data := link.server.recv(65536):
                self._flowing.wait()
                if link.reply is not None:
                    self.lost_replies += 1
                    link.client.sendall(link.reply)
                    break
                link.is_answered = True
                link.client.sendall(data)
        link.drop()

    def _uncut(self, data: bytes) -> bytes:
        """Return what arrives of this request."""
        with self._lock:
            if self._cut_before is None or self._cut_before not in data:
                return data
            before, _, _ = data.partition(self._cut_before)
            self._cut_before = None
            return before

    def _replacement_for(self, data: bytes) -> bytes | None:
        """Return what to send instead of the reply to this request, None for the reply itself."""
        with self._lock:
            loss = self._loss
            if loss is None or loss.pattern not in data:
                return None
            if loss.skipping:
                loss.skipping -= 1
                return None
            if not loss.is_lasting:
                self._loss = None
            return loss.reply


@dataclass
class _Loss:
    """The requests whose replies get lost, and what is sent instead."""

    pattern: bytes
    reply: bytes = b""
    skipping: int = 0
    is_lasting: bool = False


class _Link:
    """One client's connection and ours to the service."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.reply: bytes | None = None
        self.is_answered = True
        for end in (client, server):
            if end.family == socket.AF_INET:
                # Held back until the last piece is acknowledged, each statement would take 40 ms.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def drop(self) -> None:
        """Shut both sockets down, which ends the pumps that may be reading from them."""
        for end in (self.client, self.server):
            with suppress(OSError):  # it is already gone
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the sockets, once no pump reads from them."""
        self.client.close()
        self.server.close()


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET


def _plain(address: Address) -> str | tuple[str, int]:
    return str(address) if isinstance(address, Path) else address
