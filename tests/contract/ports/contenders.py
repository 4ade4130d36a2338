"""Two processes that campaign for leadership, in memory and on Postgres, and their faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.leadership import Claim, InMemoryLeadership
from rtmanager.adapters.postgres.leadership import PostgresLeadership
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.ports.leadership import Leadership
from tests.support.proxy import Proxy


class Contenders(Protocol):
    """Two processes that campaign on one store."""

    here: Leadership
    there: Leadership

    def go_away(self) -> None:
        """Make the store unreachable for the first process."""

    def come_back(self) -> None:
        """Make the store reachable again."""

    def lose_reply_to_campaign(self) -> None:
        """Let the first process's next campaign succeed but lose the reply."""

    async def end_session(self) -> None:
        """Let the store end the leader's session."""


class MemoryContenders:
    """Two in-memory processes."""

    def __init__(self) -> None:
        claim = Claim()
        self._first = InMemoryLeadership(with_faults(claim, "leadership", self._fault))
        self._is_away = self._loses_reply = False
        self.here: Leadership = self._first
        self.there: Leadership = InMemoryLeadership(claim)

    async def _fault(self, point: str) -> None:
        lost = self._loses_reply and point == "leadership.campaign:done"
        if self._is_away or lost:
            self._loses_reply = False
            raise ServiceUnavailable

    def go_away(self) -> None:
        """Refuse every call; the connection ends."""
        self._is_away = True
        self._first.abandon()

    def come_back(self) -> None:
        """Let every call through."""
        self._is_away = False

    def lose_reply_to_campaign(self) -> None:
        """Fail once, after the effect."""
        self._loses_reply = True

    async def end_session(self) -> None:
        """Take the claim away."""
        self._first.abandon()


class PostgresContenders:
    """Two processes on one database, the first behind a proxy."""

    def __init__(self, dsn: str, proxy: Proxy) -> None:
        self._dsn, self.proxy = dsn, proxy
        self.here: Leadership = PostgresLeadership(make_conninfo(dsn, port=proxy.port))
        self.there: Leadership = PostgresLeadership(dsn)

    def go_away(self) -> None:
        """Drop and refuse connections."""
        self.proxy.refuse()

    def come_back(self) -> None:
        """Accept connections again."""
        self.proxy.pass_on()

    def lose_reply_to_campaign(self) -> None:
        """Drop the reply to the next attempt to take the lock."""
        self.proxy.lose_reply_to(b"pg_try_advisory_lock")

    async def end_session(self) -> None:
        """Terminate the session that holds the lock."""
        query = """
            SELECT pg_terminate_backend(lock.pid)
            FROM pg_locks AS lock JOIN pg_database ON pg_database.oid = lock.database
            WHERE locktype = 'advisory' AND datname = current_database()
        """
        async with await psycopg.AsyncConnection.connect(self._dsn) as connection:
            ended = await (await connection.execute(query)).fetchall()
        assert ended == [(True,)]

    async def close(self) -> None:
        """Close both connections."""
        for contender in (self.here, self.there):
            await contender.resign()


@asynccontextmanager
async def open_contenders(dsn: str | None) -> AsyncIterator[Contenders]:
    """Yield two contenders on this database, or in memory when there is none."""
    if dsn is None:
        yield MemoryContenders()
        return
    address = conninfo_to_dict(dsn)
    with Proxy((str(address["host"]), int(str(address["port"])))) as proxy:
        contenders = PostgresContenders(dsn, proxy)
        yield contenders
        await contenders.close()


async def leads_within(contender: Leadership, seconds: float) -> None:
    """Campaign repeatedly until it leads; fail when the limit is exceeded."""
    async with asyncio.timeout(seconds):
        while not await contender.campaign():  # noqa: ASYNC110 - the store sends no notice
            await asyncio.sleep(0.05)
