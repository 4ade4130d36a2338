"""What the pages ask of the service: its public API, called in this process by its client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from rtmanager.client import (
    ClientError,
    Explanation,
    LogLine,
    Node,
    NotFound,
    Operation,
    OperationFilter,
    OperationsPage,
    Retries,
    RuntimeManagerClient,
    RuntimeOverview,
    RuntimeRecord,
    Unauthorized,
)
from rtmanager.client.reports import DriftReport, WorkersReport

# Whoever looks at a page decides whether to ask again.
_ONCE = Retries(tries=1)
_URL = "http://localhost"
_PAGE = 25


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one request to the console, with its visitor's token.

    The transport leads through all middlewares of the application: nothing is allowed here that
    would not be allowed to another caller.
    """

    transport: httpx.AsyncBaseTransport
    request_id: str
    token: str | None

    async def games(self) -> Sequence[RuntimeOverview]:
        """Return all games."""
        return await self._client().overview()

    async def game(self, game_id: str) -> Sequence[RuntimeOverview]:
        """Return one game as it is in the list; none if it was never started."""
        return await self._client().overview(game_id)

    async def explanation(self, game_id: str) -> Explanation:
        """Explain a game's state; raises NotFound."""
        return await self._client().explain(game_id)

    async def record(self, game_id: str) -> RuntimeRecord | None:
        """Return a game's record, None if its first start did not succeed yet."""
        try:
            return await self._client().get(game_id)
        except NotFound:
            return None

    async def operations(self, game_id: str, cursor: str | None) -> OperationsPage:
        """Return a page of a game's operations."""
        wanted = OperationFilter(game_id=game_id)
        return await self._client().operations(wanted, limit=_PAGE, cursor=cursor)

    async def operation_of_request(self, game_id: str, request_id: str) -> Operation | None:
        """Return the operation that a request has asked for."""
        wanted = OperationFilter(game_id=game_id, source_ref=request_id)
        found = (await self._client().operations(wanted, limit=1)).items
        return found[0] if found else None

    async def log(self, game_id: str, tail: int) -> Sequence[LogLine]:
        """Return the last lines of the engine's output; raises NotFound without a container."""
        return [each async for each in self._client().logs(game_id, tail=tail)]

    async def workers(self) -> WorkersReport:
        """Return the replicas and their workers."""
        return await self._client().workers()

    async def drift(self) -> DriftReport:
        """Return where records and Docker disagree."""
        return await self._client().drift()

    async def nodes(self) -> Sequence[Node]:
        """Return all nodes; none on a single Docker host."""
        return await self._client().nodes()

    async def say_of_node(self, node_id: str, word: str, reason: str | None) -> None:
        """Say something of a node: it is lost, to be drained, to be used again."""
        client = self._client()
        match word:
            case "lost":
                await client.node_lost(node_id, reason=reason)
            case "drain":
                await client.drain_node(node_id, reason=reason)
            case "activate":
                await client.activate_node(node_id, reason=reason)

    async def readiness(self) -> str | None:
        """Return what is missing for the service to do its work; None if nothing is."""
        try:
            await self._client().readyz()
        except ClientError as error:
            return error.message
        return None

    async def knows(self, token: str) -> bool:
        """Return whether the service accepts a token."""
        client = self._client(token)
        try:
            await client.workers()
        except Unauthorized:
            return False
        return True

    async def act(self, game_id: str, action: str, form: Mapping[str, str]) -> None:
        """Do what a form asks for; return when it is done."""
        client, named = self._client(), {"request_id": self.request_id}
        match action:
            case "start":
                await client.start(game_id, form.get("image_ref", ""), **named)
            case "patch":
                await client.patch(game_id, form.get("image_ref", ""), **named)
            case "stop":
                await client.stop(game_id, form.get("reason", ""), **named)
            case "restart":
                await client.restart(game_id, **named)
            case "cleanup":
                await client.cleanup(game_id, **named)

    def _client(self, token: str | None = None) -> RuntimeManagerClient:
        return RuntimeManagerClient(
            _URL, token=token or self.token, transport=self.transport, retries=_ONCE
        )
