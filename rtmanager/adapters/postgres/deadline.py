"""How long an answer may take, and whether a connection still has another end: no round trips."""

import asyncio
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection


class NoAnswer(psycopg.OperationalError):
    """Nothing arrived in time, so that nobody knows what was done."""


@contextmanager
def deadline(connection: AsyncConnection[Any], seconds: float) -> Iterator[None]:
    """Shut down the connection if the block takes longer, so that its wait fails immediately.

    A cancellation would make the driver ask the unresponsive server to cancel, and wait for that.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    timer = loop.call_later(seconds, _hang_up, connection)
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        if loop.time() < due:
            raise
        raise NoAnswer(f"no answer within {seconds:g} s") from error
    finally:
        timer.cancel()


def _hang_up(connection: AsyncConnection[Any]) -> None:
    # Shut down, not closed: the driver still waits on this descriptor and now reads EOF.
    with suppress(OSError, psycopg.Error), _socket(connection) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _socket(connection: AsyncConnection[Any]) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.fileno()))


def has_news(connection: AsyncConnection[Any]) -> bool:
    """Return whether something arrived on an idle connection, its end included; asks no server."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
