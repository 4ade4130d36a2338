"""One HTTP request on a connected socket, with a bound on everything that comes back.

An HTTP client reads as many 1xx answers as a server cares to send; here they are counted.
"""

import asyncio
import socket

import h11

READ_AT_ONCE = 4096
MOST_HEAD = 16 * 1024
MOST_BODY = 16 * 1024
MOST_INFORMATIONAL = 4
"""More answers of the kind `103 Early Hints` than any server has a reason to send."""


async def ask(connection: socket.socket, path: str, *, host: str) -> int:
    """Return the status of the answer to a GET request, whose body is read up to its limit.

    A body that breaks off before its end or its limit is no answer. Raises OSError and
    h11.RemoteProtocolError.
    """
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
    headers = [("Host", host), ("Accept", "*/*"), ("Connection", "close")]
    head = http.send(h11.Request(method="GET", target=path, headers=headers)) or b""
    await asyncio.get_running_loop().sock_sendall(
        connection, head + (http.send(h11.EndOfMessage()) or b"")
    )
    answer = await _answer(connection, http)
    await _read_body(connection, http)
    return answer.status_code


async def _answer(connection: socket.socket, http: h11.Connection) -> h11.Response:
    """Return the answer proper, which a few informational ones may precede."""
    for _ in range(MOST_INFORMATIONAL + 1):
        event = await _next_event(connection, http)
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError("the engine closed the connection without an answer")
    raise h11.RemoteProtocolError(f"more than {MOST_INFORMATIONAL} 1xx answers and no other")


async def _read_body(connection: socket.socket, http: h11.Connection) -> None:
    """Read the body, which shows that the engine finishes its answer, but never all of a flood."""
    received = 0
    while received <= MOST_BODY:
        event = await _next_event(connection, http)
        if not isinstance(event, h11.Data):
            return
        received += len(event.data)


async def _next_event(connection: socket.socket, http: h11.Connection) -> h11.Event:
    """Return the next part of the answer as soon as it has arrived."""
    loop = asyncio.get_running_loop()
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await loop.sock_recv(connection, READ_AT_ONCE))
    if not isinstance(event, h11.Event):
        raise h11.RemoteProtocolError("the engine wants to change the protocol")
    return event
