"""A limit on how long Postgres may leave us without an answer."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

Connection = AsyncConnection[TupleRow]


@contextmanager
def deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Hang up if the block takes longer: what it waits for then fails at once.

    Cancelling instead would make the driver ask the very server that does not answer to cancel,
    and wait for that.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    timer = loop.call_later(seconds, _hang_up, connection)
    try:
        yield
    except psycopg.OperationalError as error:
        if loop.time() < due:
            raise
        raise psycopg.OperationalError(f"no answer within {seconds:g} s") from error
    finally:
        timer.cancel()


def _hang_up(connection: Connection) -> None:
    # Shut down, not closed: the driver still waits on this descriptor and now reads its end.
    with suppress(OSError, psycopg.Error), _socket(connection) as ours:
        ours.shutdown(socket.SHUT_RDWR)


def _socket(connection: Connection) -> socket.socket:
    return socket.socket(fileno=os.dup(connection.fileno()))
