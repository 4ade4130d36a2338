"""The client: one method per operation of the two contracts."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import httpx

from rtmanager import __version__
from rtmanager.client.actions import Actions
from rtmanager.client.answers import (
    Health,
    HealthList,
    Probe,
    RuntimeOverview,
    RuntimeOverviews,
    RuntimeRecord,
    RuntimesList,
)
from rtmanager.client.connection import Connection, parsed
from rtmanager.client.event_stream import EventStream, Lost
from rtmanager.client.nodes import NodeList
from rtmanager.client.operations import OperationLog
from rtmanager.client.reports import (
    DriftReport,
    Explanation,
    LogLine,
    StreamedEvent,
    WorkersReport,
)
from rtmanager.client.request import INTERNAL, OPERATOR, Request, runtime_path
from rtmanager.client.retries import Repeats, Retries
from rtmanager.client.timeouts import EVENTS_SILENCE, LONGEST_FOLLOW, Timeouts
from rtmanager.client.transport import tcp_transport
from rtmanager.client.vocabulary import Caller

DEFAULT_URL = "http://127.0.0.1:8096"


class RuntimeManagerClient(Actions, NodeList, OperationLog):
    """Calls one Runtime Manager; an asynchronous context manager.

    Every method raises `ClientError`: an `ApiError` of the answer's code, `Unreachable`, `TimedOut`
    or `UnexpectedAnswer`. A request id is drawn for each call unless one is given.
    """

    def __init__(  # noqa: PLR0913 - options, all by name
        self,
        url: str = DEFAULT_URL,
        *,
        token: str | None = None,
        caller: Caller | str = Caller.ADMIN,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Connect to nothing yet.

        `transport` replaces the network, such as `httpx.ASGITransport(app)`, which however delivers
        a stream only when it has ended; `ssl_context` replaces the trust in the machine's CAs.
        """
        headers = {
            "X-Galaxy-Caller": Caller(caller).value,
            "User-Agent": f"rtmanager-client/{__version__}",
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        http = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            transport=transport or tcp_transport(url, ssl_context),
            trust_env=False,
        )
        super().__init__(Connection(http, retries or Retries()), timeouts)

    async def __aenter__(self) -> Self:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close all connections; the client cannot be used any more."""
        await self._connection.close()

    async def healthz(self) -> Probe:
        """Ask whether the process serves; one try."""
        return await self._connection.call(self._probe("/healthz"), Probe)

    async def readyz(self) -> Probe:
        """Ask whether the service can do its work; one try, ServiceUnavailable is the answer no."""
        return await self._connection.call(self._probe("/readyz"), Probe)

    async def list(self) -> tuple[RuntimeRecord, ...]:
        """Return all records, ordered by game."""
        return (await self._connection.call(self._get(f"{INTERNAL}/runtimes"), RuntimesList)).items

    async def get(self, game_id: str) -> RuntimeRecord:
        """Return one game's record."""
        return await self._connection.call(self._get(runtime_path(game_id)), RuntimeRecord)

    async def overview(self, game_id: str | None = None) -> tuple[RuntimeOverview, ...]:
        """Return all games, or one, with their health and last operation, ordered by game."""
        request = self._get(f"{OPERATOR}/runtimes", {"game_id": game_id})
        return (await self._connection.call(request, RuntimeOverviews)).items

    async def explain(self, game_id: str) -> Explanation:
        """Return why a game is in its state."""
        path = runtime_path(game_id, "explain", api=OPERATOR)
        return await self._connection.call(self._get(path), Explanation)

    async def health(self, game_id: str) -> Health:
        """Return the health of one engine, as it was observed last."""
        path = runtime_path(game_id, "health", api=OPERATOR)
        return await self._connection.call(self._get(path), Health)

    async def health_of_all(self) -> tuple[Health, ...]:
        """Return the health of all engines, ordered by game."""
        return (await self._connection.call(self._get(f"{OPERATOR}/health"), HealthList)).items

    async def logs(
        self,
        game_id: str,
        *,
        tail: int | None = None,
        since: datetime | timedelta | None = None,
        follow: bool = False,
    ) -> AsyncGenerator[LogLine, None]:
        """Yield an engine's output, the oldest line first.

        By default the last hundred lines; `follow` waits for new ones, for at most five minutes. A
        stream that was interrupted is not repeated: lines have no ids to continue from.
        """
        query = {"tail": tail, "since": since, "follow": follow or None, "format": "ndjson"}
        request = self._get(
            runtime_path(game_id, "logs", api=OPERATOR),
            query,
            seconds=LONGEST_FOLLOW if follow else None,
        )
        async with aclosing(self._connection.lines(request)) as lines:
            async for line in lines:
                yield parsed(LogLine, line, request)

    async def events(
        self,
        game_id: str | None = None,
        *,
        after: str | None = None,
        on_lost: Lost | None = None,
    ) -> AsyncGenerator[StreamedEvent, None]:
        """Yield events as they happen, for ever, with none lost or repeated.

        They begin now, or behind the event with the id `after`. After a lost connection the stream
        is resumed; `on_lost` is called with the reason and the delay before each try.
        """
        request = self._get(f"{OPERATOR}/events", {"game_id": game_id}, seconds=EVENTS_SILENCE)
        stream = EventStream(self._connection, request, after, on_lost)
        async with aclosing(stream.events()) as events:
            async for each in events:
                yield each

    async def drift(self) -> DriftReport:
        """Compare all records with Docker, as the reconciler does, and change nothing."""
        return await self._connection.call(self._get(f"{OPERATOR}/drift"), DriftReport)

    async def workers(self) -> WorkersReport:
        """Return the replicas, their workers, and what waits."""
        return await self._connection.call(self._get(f"{OPERATOR}/workers"), WorkersReport)

    def _probe(self, path: str) -> Request:
        return replace(self._get(path), repeats=Repeats.PROBE)
