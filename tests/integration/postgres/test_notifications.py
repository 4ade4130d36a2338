"""Listening to a channel: nothing is done until something comes, and nothing that comes is lost."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from rtmanager.adapters.postgres import notifications as listening
from rtmanager.adapters.postgres.notifications import notifications
from rtmanager.domain.errors import ServiceUnavailable
from tests.support.proxy import Proxy

LISTEN = "LISTEN tests_of_notifications"
WITHIN = 10.0


def notify(dsn: str) -> None:
    """Notify the channel."""
    with psycopg.connect(dsn) as connection:
        connection.execute("NOTIFY tests_of_notifications")


async def _next(notified: AsyncIterator[None]) -> None:
    async with asyncio.timeout(WITHIN):
        await anext(notified)


async def test_an_idle_listener_does_nothing(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Psycopg is asked once something has come: it would look ten times a second."""
    asked = 0
    ask = psycopg.AsyncConnection.notifies

    def counted(*arguments: object, **more: object) -> object:
        nonlocal asked
        asked += 1
        return ask(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(psycopg.AsyncConnection, "notifies", counted)
    async with notifications(database_dsn, LISTEN) as notified:
        waiting = asyncio.create_task(_next(notified))
        await asyncio.to_thread(psycopg.connect(database_dsn).close)  # for some turns of the loop
        before = asked
        await asyncio.to_thread(notify, database_dsn)
        await waiting

    assert (before, asked) == (0, 1)


async def test_what_comes_with_the_answer_of_a_check_is_not_lost(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was read already, so that no more bytes announce it."""
    monkeypatch.setattr(listening, "_something_to_read", _nothing)
    async with notifications(database_dsn, LISTEN) as notified:
        await asyncio.to_thread(notify, database_dsn)
        await _next(notified)


async def _nothing(*_: object) -> bool:
    await asyncio.sleep(0)
    return False


async def test_a_silent_connection_is_found_to_be_dead(
    database_dsn: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listens connects again."""
    monkeypatch.setattr(listening, "CHECK_EVERY", 0.05)
    monkeypatch.setattr(listening, "CHECK_SECONDS", 0.05)
    async with notifications(make_conninfo(database_dsn, port=proxy.port), LISTEN) as notified:
        proxy.hang()
        with pytest.raises(ServiceUnavailable):
            await _next(notified)


async def test_the_end_of_the_connection_is_noticed_at_once(
    database_dsn: str, proxy: Proxy
) -> None:
    """Without waiting for the next check."""
    async with notifications(make_conninfo(database_dsn, port=proxy.port), LISTEN) as notified:
        proxy.cut()
        with pytest.raises(ServiceUnavailable):
            async with asyncio.timeout(listening.CHECK_EVERY / 2):
                await anext(notified)
