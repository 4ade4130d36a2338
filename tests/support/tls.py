"""TLS in front of a real service, and certificates made for one test run."""

import asyncio
import ssl
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import trustme

from tests.support.proxy import Address

_PIECE = 65_536


def server_context(
    authority: trustme.CA, *names: str, clients: trustme.CA | None = None
) -> ssl.SSLContext:
    """Return a server's context with a certificate for the names.

    With `clients` it accepts only those who show a certificate of that authority.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    if clients is not None:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def write_certificates(
    directory: Path, authority: trustme.CA, *, of: trustme.CA | None = None
) -> Path:
    """Write ca.pem, cert.pem and key.pem for a client, as Docker's own client expects them.

    The client's certificate is issued by `of`, by default by the same authority.
    """
    directory.mkdir()
    mine = (of or authority).issue_cert("client@galaxy.example")
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    mine.private_key_pem.write_to_path(str(directory / "key.pem"))
    mine.cert_chain_pems[0].write_to_path(str(directory / "cert.pem"))
    (directory / "key.pem").chmod(0o600)
    return directory


@contextmanager
def tls_in_front_of(target: Address, context: ssl.SSLContext) -> Iterator[int]:
    """Accept TLS on a loopback port for the block, and pass on what it contains."""
    loop = asyncio.new_event_loop()
    opened: Future[int] = Future()
    stop = asyncio.Event()
    thread = Thread(target=lambda: loop.run_until_complete(_serve(target, context, opened, stop)))
    thread.start()
    try:
        yield opened.result(5)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


async def _serve(
    target: Address, context: ssl.SSLContext, opened: "Future[int]", stop: asyncio.Event
) -> None:
    links: set[asyncio.Task[Any]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (link := asyncio.current_task()) is not None:
            links.add(link)
        with suppress(OSError):
            await _link(target, reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    opened.set_result(server.sockets[0].getsockname()[1])
    await stop.wait()
    server.close()
    for link in links:
        link.cancel()
    await asyncio.gather(*links, return_exceptions=True)


async def _link(
    target: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connecting = (
        asyncio.open_unix_connection(str(target))
        if isinstance(target, Path)
        else asyncio.open_connection(*target)
    )
    answers, requests = await connecting
    try:
        await asyncio.wait(
            [
                asyncio.create_task(_pump(reader, requests)),
                asyncio.create_task(_pump(answers, writer)),
            ],
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        requests.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_PIECE):
            writer.write(data)
            await writer.drain()
